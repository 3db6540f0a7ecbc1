// The hot loops against libm and naive loops, in every table that this processor can run.
#include "worker/trainer/kernels.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"

namespace tpsweep::trainer {

template <class S>
const Kernels<S>& WideKernels();  // wide_kernels.cc

namespace {

template <class S>
std::vector<const Kernels<S>*> Tables() {
  std::vector<const Kernels<S>*> tables = {&BaselineKernels<S>(), &WideKernels<S>()};
  if (HasV3()) tables.push_back(&V3Kernels<S>());
  if (HasV4()) tables.push_back(&V4Kernels<S>());
  return tables;
}

template <class S>
class KernelsTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsTest, Types);

// Magnitudes from far below rounding to far beyond saturation, both signs.
template <class S>
std::vector<S> WholeRange(double largest) {
  std::vector<S> values = {0};
  for (double x = 1e-30; x < largest; x *= 1.0007) {
    values.push_back(static_cast<S>(x));
    values.push_back(static_cast<S>(-x));
  }
  return values;
}

// Largest error in units of the last place of the exact value.
template <class S, class Exact>
double WorstUlps(const std::vector<S>& x, const std::vector<S>& y, Exact exact) {
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double truth = static_cast<double>(exact(static_cast<long double>(x[i])));
    const S nearest = static_cast<S>(truth);
    const double ulp = static_cast<double>(
        std::nextafter(std::abs(nearest), std::numeric_limits<S>::infinity()) - std::abs(nearest));
    worst = std::max(worst, std::abs(static_cast<double>(y[i]) - truth) / ulp);
  }
  return worst;
}

// c(i, j) = 2 sum_k a(i, k) b(k, j) + 3 add(i, j) over small integers, exact in any order.
TYPED_TEST(KernelsTest, TilesOfAProductAgreeWithThreeLoops) {
  using S = TypeParam;
  RandomStream random(5);
  const auto integers = [&random](size_t count) {
    std::vector<S> values(count);
    for (S& value : values) value = static_cast<S>(random.NextBelow(7)) - 3;
    return values;
  };
  for (const Kernels<S>* kernels : Tables<S>()) {
    const GemmKernels<S>& gemm = kernels->gemm;
    for (const size_t rows : {size_t{1}, size_t{7}, gemm.panel_rows / 2, gemm.panel_rows,
                              gemm.panel_rows + 1, 3 * gemm.panel_rows}) {
      for (const size_t depth : {size_t{1}, size_t{5}, size_t{8}, size_t{33}}) {
        for (const bool transposed : {false, true}) {
          const size_t stride = (transposed ? depth : rows) + 3;
          const std::vector<S> a = integers(stride * (transposed ? rows : depth));
          const size_t panels = (rows + gemm.panel_rows - 1) / gemm.panel_rows;
          std::vector<S> packed(panels * gemm.panel_rows * depth, S{99});
          (transposed ? gemm.pack_transposed : gemm.pack)(rows, depth, a.data(), stride,
                                                          packed.data());
          // Whole panels may also be read where they lie.
          const bool can_lie = !transposed && rows % gemm.panel_rows == 0;
          for (const auto& [width, lies] : {std::pair(size_t{4}, false),
                                            {gemm.most_columns, false},
                                            {size_t{4}, can_lie},
                                            {gemm.most_columns, can_lie}}) {
            const std::vector<S> b = integers(depth * width);
            const std::vector<S> add = integers(rows * width);
            for (size_t columns = 1; columns <= width; ++columns) {
              std::vector<S> c(rows * width, S{77});
              GemmColumns<S> product = {};
              product.rows = rows;
              product.depth = depth;
              product.columns = columns;
              product.a = lies ? a.data() : packed.data();
              product.a_next_panel = gemm.panel_rows * (lies ? 1 : depth);
              product.a_next_k = lies ? stride : gemm.panel_rows;
              product.b = b.data();
              product.b_next_k = 1;
              product.b_next_j = depth;
              product.alpha = 2;
              product.beta = 3;
              product.add = add.data();
              product.add_next_j = rows;
              product.c = c.data();
              product.c_next_j = rows;
              (width == 4 ? gemm.multiply_four : gemm.multiply_most)(product);
              for (size_t j = 0; j < width; ++j) {
                for (size_t i = 0; i < rows; ++i) {
                  S expected = 3 * add[i + j * rows];
                  for (size_t k = 0; k < depth; ++k) {
                    expected +=
                        2 * a[transposed ? k + i * stride : i + k * stride] * b[k + j * depth];
                  }
                  ASSERT_EQ(c[i + j * rows], j < columns ? expected : 77)
                      << rows << "x" << columns << "x" << depth << " at " << i << ", " << j;
                }
              }
            }
          }
        }
      }
    }
  }
}

TYPED_TEST(KernelsTest, ExpTanhAndSigmoidAgreeWithLibm) {
  using S = TypeParam;
  const bool is_float = std::is_same_v<S, float>;
  for (const Kernels<S>* kernels : Tables<S>()) {
    // To the last x whose exponential is not infinity, and down to about the least normal number.
    std::vector<S> exponents = WholeRange<S>(is_float ? 87.3 : 708);
    if (is_float) exponents.push_back(S{88});
    for (double x = 1; x <= (is_float ? 87.3 : 708); x += 1.0 / 512) {
      exponents.push_back(static_cast<S>(x));
      exponents.push_back(static_cast<S>(-x));
    }
    std::vector<S> exps(exponents.size());
    kernels->exp(exponents.size(), exponents.data(), exps.data());
    EXPECT_LT(WorstUlps(exponents, exps, [](long double v) { return std::exp(v); }), 4);

    const std::vector<S> x = WholeRange<S>(1e4);
    std::vector<S> y(x.size());
    kernels->tanh(x.size(), x.data(), y.data());
    EXPECT_LT(WorstUlps(x, y, [](long double v) { return std::tanh(v); }), 4);

    const std::vector<S> in_range = WholeRange<S>(80);
    y.resize(in_range.size());
    kernels->sigmoid(in_range.size(), in_range.data(), y.data());
    EXPECT_LT(WorstUlps(in_range, y, [](long double v) { return 1 / (1 + std::exp(-v)); }), 4);
  }
}

TYPED_TEST(KernelsTest, SpecialValues) {
  using S = TypeParam;
  const S inf = std::numeric_limits<S>::infinity();
  const S nan = std::numeric_limits<S>::quiet_NaN();
  // Long enough for the vector part of every loop.
  const std::vector<S> x = {inf, -inf, nan, 0, -0.0, 1e30f, -1e30f, nan, inf, -inf, nan,
                            0,   1,    -1,  2, -2,   3,     -3,     nan, nan, nan,  nan};
  for (const Kernels<S>* kernels : Tables<S>()) {
    std::vector<S> y(x.size());
    kernels->exp(x.size(), x.data(), y.data());
    EXPECT_EQ(y[0], inf);
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[3], 1);
    EXPECT_EQ(y[4], 1);
    EXPECT_EQ(y[5], inf);
    EXPECT_EQ(y[6], 0);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << i;

    kernels->tanh(x.size(), x.data(), y.data());
    EXPECT_EQ(y[0], 1);
    EXPECT_EQ(y[1], -1);
    EXPECT_EQ(y[3], 0);
    EXPECT_TRUE(std::signbit(y[4]));
    EXPECT_EQ(y[5], 1);
    EXPECT_EQ(y[6], -1);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << i;

    kernels->sigmoid(x.size(), x.data(), y.data());
    EXPECT_EQ(y[0], 1);
    EXPECT_LT(y[1], 1e-37);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << i;

    kernels->relu(x.size(), x.data(), y.data());
    EXPECT_EQ(y[0], inf);
    EXPECT_EQ(y[1], 0);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << i;

    std::vector<S> d(x.size(), nan);
    kernels->leaky_relu_derivative(x.size(), 0, x.data(), 1, d.data(), d.data());
    for (const S value : d) EXPECT_TRUE(std::isnan(value));
    EXPECT_TRUE(std::isnan(kernels->sum_of_squares(x.size(), x.data())));
  }
}

TYPED_TEST(KernelsTest, OneNumberThatIsNotFiniteIsFoundAnywhere) {
  using S = TypeParam;
  using Limits = std::numeric_limits<S>;
  for (const Kernels<S>* kernels : Tables<S>()) {
    const auto all_find = [kernels](const std::vector<S>& gradient, bool is_finite) {
      const size_t n = gradient.size();
      const S* g = gradient.data();
      std::vector<S> theta(n), m(n), v(n);
      EXPECT_EQ(kernels->is_finite(n, g), is_finite);
      const AdamStep<S> adam = {};
      const RmsPropStep<S> rmsprop = {};
      EXPECT_EQ(kernels->adam(n, adam, g, m.data(), v.data(), theta.data()), is_finite);
      for (S* mean : {m.data(), static_cast<S*>(nullptr)}) {
        EXPECT_EQ(kernels->sgd(n, 0, 0, 0, g, mean, theta.data()), is_finite);
        EXPECT_EQ(kernels->rmsprop(n, rmsprop, g, mean, v.data(), theta.data()), is_finite);
      }
    };
    std::vector<S> x(67, Limits::max());
    x[3] = Limits::lowest();
    x[4] = Limits::denorm_min();
    all_find(x, true);
    all_find({}, true);
    for (S& value : x) {
      for (const S bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                          -Limits::quiet_NaN(), Limits::signaling_NaN()}) {
        SCOPED_TRACE(absl::StrCat(&value - x.data(), ": ", bad));
        const S good = std::exchange(value, bad);
        all_find(x, false);
        value = good;
      }
    }
  }
}

TYPED_TEST(KernelsTest, DerivativesOfTheLeakyKindsAreOneAtZero) {
  using S = TypeParam;
  for (const Kernels<S>* kernels : Tables<S>()) {
    const std::vector<S> a = {0, -0.0, -1, 1};
    std::vector<S> d = {5, 5, 5, 5};
    kernels->leaky_relu_derivative(a.size(), 0, a.data(), 1, d.data(), d.data());
    EXPECT_THAT(d, testing::ElementsAre(5, 5, 0, 5));
    kernels->leaky_relu_derivative(a.size(), S{0.5}, a.data(), 1, d.data(), d.data());
    EXPECT_THAT(d, testing::ElementsAre(5, 5, 0, 5));
  }
}

TYPED_TEST(KernelsTest, ArithmeticAgreesWithPlainLoops) {
  using S = TypeParam;
  RandomStream random(3);
  for (const size_t n : std::vector<size_t>{0, 1, 7, 8, 9, 63, 1000}) {
    std::vector<S> x(n), y(n);
    double squares = 0;
    for (size_t i = 0; i < n; ++i) {
      x[i] = static_cast<S>(random.NextNormal());
      y[i] = static_cast<S>(random.NextNormal());
      squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
    for (const Kernels<S>* kernels : Tables<S>()) {
      std::vector<S> z(n);
      kernels->add(n, x.data(), y.data(), z.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(z[i], x[i] + y[i]);
      kernels->subtract(n, x.data(), y.data(), z.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(z[i], x[i] - y[i]);
      kernels->scale(n, S{3}, x.data(), z.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(z[i], 3 * x[i]);
      z = y;
      kernels->add_scaled(n, S{2}, x.data(), z.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(z[i], y[i] + 2 * x[i]);
      EXPECT_NEAR(kernels->sum_of_squares(n, x.data()), squares, 1e-12 * (1 + squares));
    }
  }
}

TYPED_TEST(KernelsTest, BytesBecomeNumbers) {
  using S = TypeParam;
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  const double tolerance = std::numeric_limits<S>::epsilon();
  for (const Kernels<S>* kernels : Tables<S>()) {
    std::vector<S> y(256), part(7);
    kernels->from_bytes(256, bytes.data(), static_cast<S>(1 / 255.0), 0, y.data());
    EXPECT_EQ(y[0], 0);
    EXPECT_EQ(y[255], 1);
    for (size_t i = 0; i < 256; ++i) {
      const double exact = static_cast<double>(i) / 255;
      EXPECT_NEAR(static_cast<double>(y[i]), exact, tolerance * exact);
    }
    kernels->from_bytes(7, bytes.data() + 3, S{2}, S{-5}, part.data());
    EXPECT_THAT(part, testing::ElementsAre(1, 3, 5, 7, 9, 11, 13));
  }
}

TYPED_TEST(KernelsTest, RowsAreCopiedAndAdded) {
  using S = TypeParam;
  for (const Kernels<S>* kernels : Tables<S>()) {
    for (const size_t width : {1u, 3u, 8u, 16u, 19u, 37u}) {
      constexpr size_t kRows = 3;
      const size_t next_row = width + 2;
      std::vector<S> apart(kRows * next_row), together(kRows * width + 1, S{-1});
      for (size_t i = 0; i < apart.size(); ++i) apart[i] = static_cast<S>(i);
      std::vector<S> sum = apart;
      kernels->copy_rows(kRows, width, apart.data(), next_row, together.data());
      kernels->add_rows(kRows, width, together.data(), sum.data(), next_row);
      EXPECT_EQ(together.back(), S{-1});  // nothing is written beyond
      for (size_t i = 0; i < apart.size(); ++i) {
        const size_t y = i / next_row, x = i % next_row;
        EXPECT_EQ(sum[i], x < width ? 2 * apart[i] : apart[i]);
        if (x >= width) continue;
        EXPECT_EQ(together[y * width + x], apart[i]);
      }
    }
  }
}

// Over small integers, so that many are equal.
TYPED_TEST(KernelsTest, TheLargestOfAWindowIsTheFirstOfEquals) {
  using S = TypeParam;
  constexpr int32_t kFirst = 1000;
  constexpr size_t kRoom = 64;
  RandomStream random(5);
  for (int round = 0; round < 400; ++round) {
    const size_t size = 2 + random.NextBelow(3), stride = 1 + random.NextBelow(3);
    const size_t padding = random.NextBelow(size / 2 + 1);
    const size_t height = size + random.NextBelow(8), width = size + random.NextBelow(40);
    const size_t down = (height + 2 * padding - size) / stride + 1;
    const size_t across = (width + 2 * padding - size) / stride + 1;
    const PoolWindows windows = {height, width, size, stride, padding, down, across};
    std::vector<S> map(height * width + kRoom, S{100});
    for (size_t i = 0; i < height * width; ++i) map[i] = static_cast<S>(random.NextBelow(4)) - 2;
    map[random.NextBelow(height * width)] = -std::numeric_limits<S>::infinity();
    const size_t nan = random.NextBelow(2 * height * width);  // there is one in half of the maps
    if (nan < height * width) map[nan] = std::numeric_limits<S>::quiet_NaN();
    for (const Kernels<S>* kernels : Tables<S>()) {
      std::vector<S> scratch(4 * (width + 2 * padding + kRoom)), pooled(down * across),
          again(pooled);
      std::vector<int32_t> where(pooled.size());
      kernels->max_pool(windows, map.data(), kFirst, scratch.data(), where.data(), pooled.data());
      kernels->max_pool(windows, map.data(), kFirst, scratch.data(), nullptr, again.data());
      for (size_t i = 0; i < pooled.size(); ++i) {
        size_t largest = map.size();
        for (size_t at = 0; at < height * width; ++at) {
          const size_t y = at / width + padding, x = at % width + padding;
          const size_t top = i / across * stride, left = i % across * stride;
          if (y < top || y >= top + size || x < left || x >= left + size) continue;
          if (largest == map.size() || map[at] > map[largest] || at == nan) largest = at;
          if (largest == nan) break;
        }
        ASSERT_EQ(where[i], kFirst + static_cast<int32_t>(largest)) << round << " " << i;
        ASSERT_EQ(std::isnan(pooled[i]), largest == nan);
        ASSERT_EQ(std::isnan(again[i]), largest == nan);
        if (largest == nan) continue;
        ASSERT_EQ(pooled[i], map[largest]);
        ASSERT_EQ(again[i], map[largest]);
      }
    }
  }
}

TYPED_TEST(KernelsTest, RmsPropAgreesWithAPlainLoop) {
  using S = TypeParam;
  const double tolerance = sizeof(S) == 4 ? 1e-5 : 1e-13;
  const RmsPropStep<S> step = {.alpha = S{0.875},
                               .one_minus_alpha = S{0.125},
                               .lr = S{0.25},
                               .epsilon = S{0.03125},
                               .weight_decay = S{0.5}};
  for (const size_t n : std::vector<size_t>{0, 1, 7, 8, 9, 63, 1000}) {
    for (const bool centred : {false, true}) {
      for (const Kernels<S>* kernels : Tables<S>()) {
        RandomStream random(n);
        std::vector<S> theta(n), m(n), v(n), g(n);
        for (S& value : theta) value = static_cast<S>(random.NextNormal());
        std::vector<double> theta64(theta.begin(), theta.end()), m64(n), v64(n);
        for (int t = 0; t < 4; ++t) {
          for (S& value : g) value = static_cast<S>(random.NextNormal());
          kernels->rmsprop(n, step, g.data(), centred ? m.data() : nullptr, v.data(), theta.data());
          for (size_t i = 0; i < n; ++i) {
            const double total = static_cast<double>(g[i]) + 0.5 * theta64[i];
            v64[i] = 0.875 * v64[i] + 0.125 * total * total;
            if (centred) m64[i] = 0.875 * m64[i] + 0.125 * total;
            theta64[i] -= 0.25 * total / (std::sqrt(v64[i] - m64[i] * m64[i]) + 0.03125);
          }
        }
        for (size_t i = 0; i < n; ++i) {
          EXPECT_NEAR(static_cast<double>(theta[i]), theta64[i], tolerance * 10);
          EXPECT_NEAR(static_cast<double>(v[i]), v64[i], tolerance * (1 + v64[i]));
        }
      }
    }
  }
}

TYPED_TEST(KernelsTest, RmsPropOfAConstantGradientHasNoVarianceBelowZero) {
  using S = TypeParam;
  // m^2 comes to v, and rounding may take v - m^2 below zero.
  const RmsPropStep<S> step = {.alpha = static_cast<S>(0.7),
                               .one_minus_alpha = static_cast<S>(0.3),
                               .lr = static_cast<S>(1e-3),
                               .epsilon = static_cast<S>(0.03),
                               .weight_decay = 0};
  for (const Kernels<S>* kernels : Tables<S>()) {
    std::vector<S> theta(33, 0), m(33, 0), v(33, 0), g(33);
    for (size_t i = 0; i < g.size(); ++i) g[i] = static_cast<S>(1 + 0.37 * static_cast<double>(i));
    g[5] = std::numeric_limits<S>::quiet_NaN();
    for (int t = 0; t < 200; ++t) {
      kernels->rmsprop(g.size(), step, g.data(), m.data(), v.data(), theta.data());
    }
    for (size_t i = 0; i < g.size(); ++i) EXPECT_EQ(std::isnan(theta[i]), i == 5) << i;
  }
}

// Box-Muller on the bits of common/random.h, by libm in double.
std::vector<double> ReferenceGaussians(size_t n, uint64_t key, uint64_t step, uint32_t layer) {
  std::vector<double> normals;
  for (uint32_t block = 0; normals.size() < n; ++block) {
    const auto bits =
        Philox(key, {block, layer, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)});
    for (size_t pair = 0; pair < 4; pair += 2) {
      const double u = (static_cast<double>(bits[pair]) + 0.5) * 0x1p-32;
      const double angle = 2 * std::numbers::pi * static_cast<double>(bits[pair + 1]) * 0x1p-32;
      normals.push_back(std::sqrt(-2 * std::log(u)) * std::cos(angle));
      normals.push_back(std::sqrt(-2 * std::log(u)) * std::sin(angle));
    }
  }
  normals.resize(n);
  return normals;
}

TYPED_TEST(KernelsTest, GaussiansAreBoxMullerOfPhilox) {
  using S = TypeParam;
  constexpr size_t kCount = 1000003;
  constexpr uint64_t kKey = 0x123456789abcdef0;
  constexpr uint64_t kStep = 0x500000003;
  const std::vector<double> reference = ReferenceGaussians(kCount, kKey, kStep, 4);
  const double tolerance = sizeof(S) == 4 ? 2e-6 : 1e-14;
  for (const Kernels<S>* kernels : Tables<S>()) {
    std::vector<S> draws(kCount);
    kernels->gaussian(kCount, kKey, kStep, 4, 0, 1, draws.data());
    double worst = 0;
    for (size_t i = 0; i < kCount; ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(draws[i]) - reference[i]));
    }
    EXPECT_LT(worst, tolerance);
    // A part of the stream is the same wherever it starts.
    std::vector<S> part(101);
    kernels->gaussian(part.size(), kKey, kStep, 4, 250, 1, part.data());
    for (size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i], draws[1000 + i]) << i;
    kernels->gaussian(part.size(), kKey, kStep, 4, 250, S{0.25}, part.data());
    for (size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i], S{0.25} * draws[1000 + i]) << i;
  }
}

TYPED_TEST(KernelsTest, GaussiansHaveTheMomentsOfTheStandardNormal) {
  using S = TypeParam;
  constexpr size_t kCount = 1000000;
  std::vector<S> draws(kCount);
  GetKernels<S>().gaussian(kCount, 99, 1, 1, 0, 1, draws.data());
  double mean = 0, variance = 0, fourth = 0;
  for (const S draw : draws) {
    const double square = static_cast<double>(draw) * static_cast<double>(draw);
    mean += static_cast<double>(draw) / kCount;
    variance += square / kCount;
    fourth += square * square / kCount;
  }
  EXPECT_NEAR(mean, 0, 5e-3);  // five standard errors
  EXPECT_NEAR(variance, 1, 7.1e-3);
  EXPECT_NEAR(fourth, 3, 4.9e-2);
}

TEST(KernelSetTest, NamesTheTableThatRuns) {
  EXPECT_STREQ(KernelSetName(), HasV4() ? "x86-64-v4" : HasV3() ? "x86-64-v3" : "baseline");
  EXPECT_EQ(&GetKernels<float>(), HasV4()   ? &V4Kernels<float>()
                                  : HasV3() ? &V3Kernels<float>()
                                            : &BaselineKernels<float>());
}

// The vectors published with Random123.
TEST(PhiloxTest, KnownAnswers) {
  EXPECT_THAT(Philox(0, {0, 0, 0, 0}),
              testing::ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(Philox(~uint64_t{0}, {kOnes, kOnes, kOnes, kOnes}),
              testing::ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(Philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
              testing::ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

}  // namespace
}  // namespace tpsweep::trainer
