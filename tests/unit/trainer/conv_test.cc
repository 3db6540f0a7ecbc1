// Convolution and max-pool against naive loops in double, over random shapes.
#include "worker/trainer/conv.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/fakes/status_matchers.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

Index At(const MapShape& shape, Index c, Index y, Index x) {
  return (c * shape.height + y) * shape.width + x;
}

// The definitions, one unit after the other.
struct Naive {
  const ConvGeometry& g;

  // visit(column of W, unit of the input) for every input of the unit (y, x) of a map.
  void ForInputs(Index y, Index x, const std::function<void(Index, Index)>& visit) const {
    Index column = 0;
    for (Index c = 0; c < g.input.channels; ++c) {
      for (Index ky = 0; ky < g.kernel; ++ky) {
        for (Index kx = 0; kx < g.kernel; ++kx, ++column) {
          const Index v = y * g.stride + ky - g.padding, u = x * g.stride + kx - g.padding;
          if (v < 0 || v >= g.input.height || u < 0 || u >= g.input.width) continue;
          visit(column, At(g.input, c, v, u));
        }
      }
    }
  }

  Matrix<double> Map(const Matrix<double>& w, const Matrix<double>* b,
                     const Matrix<double>& h) const {
    Matrix<double> map(g.map.size(), h.cols());
    ForUnits([&](Index c, Index y, Index x) {
      for (Index j = 0; j < h.cols(); ++j) {
        double sum = b == nullptr ? 0 : (*b)(c, 0);
        ForInputs(y, x, [&](Index column, Index unit) { sum += w(c, column) * h(unit, j); });
        map(At(g.map, c, y, x), j) = sum;
      }
    });
    return map;
  }

  // The unit of the map that each unit of a comes from; -1 where its window has a NaN.
  PoolOrigins Origins(const Matrix<double>& map) const {
    PoolOrigins where(g.pooled.size(), map.cols());
    for (Index j = 0; j < map.cols(); ++j) {
      for (Index c = 0; c < g.pooled.channels; ++c) {
        for (Index y = 0; y < g.pooled.height; ++y) {
          for (Index x = 0; x < g.pooled.width; ++x) {
            Index best = -1;
            bool has_nan = false;
            for (Index dv = 0; dv < g.pool; ++dv) {
              for (Index du = 0; du < g.pool; ++du) {
                const Index v = y * g.pool_stride + dv - g.pool_padding;
                const Index u = x * g.pool_stride + du - g.pool_padding;
                if (v < 0 || v >= g.map.height || u < 0 || u >= g.map.width) continue;
                const Index unit = At(g.map, c, v, u);
                if (std::isnan(map(unit, j))) has_nan = true;
                if (best < 0 || map(unit, j) > map(best, j)) best = unit;
              }
            }
            where(At(g.pooled, c, y, x), j) = static_cast<int32_t>(has_nan ? -1 : best);
          }
        }
      }
    }
    return where;
  }

  Matrix<double> Pool(const Matrix<double>& map) const {
    const PoolOrigins where = Origins(map);
    Matrix<double> a(where.rows(), where.cols());
    for (Index j = 0; j < a.cols(); ++j) {
      for (Index i = 0; i < a.rows(); ++i) {
        a(i, j) = where(i, j) < 0 ? std::nan("") : map(where(i, j), j);
      }
    }
    return a;
  }

  // d loss / d map from d loss / d a, whose column j is of sample j mod B.
  Matrix<double> Unpool(const Matrix<double>& delta, const PoolOrigins& where) const {
    Matrix<double> dmap = Matrix<double>::Zero(g.map.size(), delta.cols());
    for (Index j = 0; j < delta.cols(); ++j) {
      for (Index i = 0; i < delta.rows(); ++i) {
        dmap(where(i, j % where.cols()), j) += delta(i, j);
      }
    }
    return dmap;
  }

  void Gradient(const Matrix<double>& dmap, const Matrix<double>& h, Matrix<double>& grad_w,
                Matrix<double>& grad_b) const {
    grad_w.setZero(g.map.channels, g.patch_size());
    grad_b.setZero(g.map.channels, 1);
    ForUnits([&](Index c, Index y, Index x) {
      for (Index j = 0; j < h.cols(); ++j) {
        const double d = dmap(At(g.map, c, y, x), j);
        grad_b(c, 0) += d;
        ForInputs(y, x, [&](Index column, Index unit) { grad_w(c, column) += d * h(unit, j); });
      }
    });
  }

  Matrix<double> Backward(const Matrix<double>& w, const Matrix<double>& dmap) const {
    Matrix<double> dh = Matrix<double>::Zero(g.input.size(), dmap.cols());
    ForUnits([&](Index c, Index y, Index x) {
      for (Index j = 0; j < dmap.cols(); ++j) {
        const double d = dmap(At(g.map, c, y, x), j);
        ForInputs(y, x, [&](Index column, Index unit) { dh(unit, j) += d * w(c, column); });
      }
    });
    return dh;
  }

 private:
  void ForUnits(const std::function<void(Index, Index, Index)>& visit) const {
    for (Index c = 0; c < g.map.channels; ++c) {
      for (Index y = 0; y < g.map.height; ++y) {
        for (Index x = 0; x < g.map.width; ++x) visit(c, y, x);
      }
    }
  }
};

v1::Conv Conv(int channels, int kernel, int stride, int padding, int pool, int pool_stride,
              int pool_padding) {
  v1::Conv conv;
  conv.set_channels(channels);
  conv.set_kernel(kernel);
  conv.set_stride(stride);
  conv.set_padding(padding);
  conv.set_pool(pool);
  conv.set_pool_stride(pool_stride);
  conv.set_pool_padding(pool_padding);
  return conv;
}

// Nothing if the output would be empty.
std::optional<ConvGeometry> Geometry(const v1::Conv& conv, const MapShape& input) {
  v1::Network network;
  *network.add_layers()->mutable_conv() = conv;
  const auto shapes = InferShapes(network, input, 2);
  if (!shapes.ok()) return std::nullopt;
  return (*shapes)[1].conv;
}

// Shapes of every kind; the same in every run.
std::vector<ConvGeometry> RandomGeometries(int count) {
  RandomStream random(17);
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(random.NextBelow(static_cast<uint64_t>(high - low + 1)));
  };
  std::vector<ConvGeometry> geometries;
  while (static_cast<int>(geometries.size()) < count) {
    const int pool = draw(1, 3);
    const v1::Conv conv =
        Conv(draw(1, 4), draw(1, 5), draw(1, 3), draw(0, 3), pool, draw(1, 3), draw(0, pool / 2));
    const auto geometry = Geometry(conv, {draw(1, 3), draw(1, 9), draw(1, 9)});
    if (geometry) geometries.push_back(*geometry);
  }
  return geometries;
}

std::string Describe(const ConvGeometry& g) {
  return absl::StrCat(ToText(g.input), " kernel ", g.kernel, " stride ", g.stride, " padding ",
                      g.padding, " map ", ToText(g.map), " pool ", g.pool, " stride ",
                      g.pool_stride, " padding ", g.pool_padding);
}

double WorstDifference(const Matrix<double>& a, const Matrix<double>& b) {
  return (a - b).cwiseAbs().maxCoeff() / (1 + b.cwiseAbs().maxCoeff());
}

template <class S>
class ConvTest : public testing::Test {
 protected:
  static constexpr double kTolerance = sizeof(S) == 4 ? 1e-5 : 1e-13;
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(ConvTest, Types);

TYPED_TEST(ConvTest, AgreesWithNaiveLoops) {
  using S = TypeParam;
  uint64_t key = 0;
  for (const ConvGeometry& g : RandomGeometries(150)) {
    SCOPED_TRACE(Describe(g));
    const Naive naive{g};
    const Index batch = 1 + static_cast<Index>(++key % 4);
    const bool has_bias = key % 3 != 0;
    const Matrix<S> w = RandomMatrix<S>(g.map.channels, g.patch_size(), DeriveSeed(key, 1));
    const Matrix<S> b = RandomMatrix<S>(g.map.channels, 1, DeriveSeed(key, 2));
    const Matrix<S> h = RandomMatrix<S>(g.input.size(), batch, DeriveSeed(key, 3));
    const auto wide = [](const Matrix<S>& m) { return Matrix<double>(m.template cast<double>()); };
    const Matrix<double> w64 = wide(w), b64 = wide(b), h64 = wide(h);

    Matrix<S> a(g.pooled.size(), batch);
    PoolOrigins where;
    ConvForward<S>(g, w, has_bias ? &b : nullptr, h, &where, a);
    const Matrix<double> map = naive.Map(w64, has_bias ? &b64 : nullptr, h64);
    ASSERT_LT(WorstDifference(wide(a), naive.Pool(map)), this->kTolerance);
    Matrix<S> again(g.pooled.size(), batch);
    ConvForward<S>(g, w, has_bias ? &b : nullptr, h, nullptr, again);
    ASSERT_EQ(again, a);

    if (g.pool == 1) {
      ASSERT_EQ(where.size(), 0);
      where = naive.Origins(map);
    } else {
      ASSERT_EQ(where, naive.Origins(map));
    }
    const Matrix<S> delta = RandomMatrix<S>(g.pooled.size(), batch, DeriveSeed(key, 4));
    Matrix<double> grad_w64, grad_b64;
    naive.Gradient(naive.Unpool(wide(delta), where), h64, grad_w64, grad_b64);
    Matrix<S> grad_w(w.rows(), w.cols()), grad_b(b.rows(), 1);
    ConvGradient<S>(g, delta, where, h, grad_w, &grad_b);
    ASSERT_LT(WorstDifference(wide(grad_w), grad_w64), this->kTolerance);
    ASSERT_LT(WorstDifference(wide(grad_b), grad_b64), this->kTolerance);
    const Matrix<S> with_bias = grad_w;
    ConvGradient<S>(g, delta, where, h, grad_w, nullptr);
    ASSERT_EQ(grad_w, with_bias);

    // Three times the samples: column j belongs to sample j mod B.
    const Matrix<S> stacked = RandomMatrix<S>(g.pooled.size(), 3 * batch, DeriveSeed(key, 5));
    Matrix<S> dh(g.input.size(), 3 * batch);
    ConvBackward<S>(g, w, stacked, where, dh);
    ASSERT_LT(WorstDifference(wide(dh), naive.Backward(w64, naive.Unpool(wide(stacked), where))),
              this->kTolerance);
  }
}

TYPED_TEST(ConvTest, NotANumberIsNotLostInThePool) {
  using S = TypeParam;
  const ConvGeometry g = *Geometry(Conv(2, 3, 1, 1, 3, 2, 1), {1, 7, 5});
  const Naive naive{g};
  const Matrix<S> w = RandomMatrix<S>(2, 9, 1);
  for (Index unit = 0; unit < g.input.size(); ++unit) {
    Matrix<S> h = RandomMatrix<S>(g.input.size(), 2, 2);
    h(unit, 1) = std::numeric_limits<S>::quiet_NaN();
    Matrix<S> a(g.pooled.size(), 2);
    PoolOrigins where;
    ConvForward<S>(g, w, nullptr, h, &where, a);
    const Matrix<double> expected =
        naive.Pool(naive.Map(w.template cast<double>(), nullptr, h.template cast<double>()));
    EXPECT_TRUE(expected.hasNaN());
    for (Index j = 0; j < 2; ++j) {
      for (Index i = 0; i < a.rows(); ++i) {
        EXPECT_EQ(std::isnan(a(i, j)), std::isnan(expected(i, j))) << unit << " " << i << " " << j;
        EXPECT_GE(where(i, j), 0);
        EXPECT_LT(where(i, j), g.map.size());
      }
    }
  }
}

TYPED_TEST(ConvTest, OfEqualsTheFirstWins) {
  using S = TypeParam;
  const ConvGeometry g = *Geometry(Conv(2, 1, 1, 0, 3, 2, 1), {1, 6, 8});
  const Matrix<S> w = Matrix<S>::Zero(2, 1);
  const Matrix<S> h = RandomMatrix<S>(g.input.size(), 1, 1);
  Matrix<S> a(g.pooled.size(), 1);
  PoolOrigins where;
  ConvForward<S>(g, w, nullptr, h, &where, a);
  for (Index c = 0; c < 2; ++c) {
    for (Index y = 0; y < g.pooled.height; ++y) {
      for (Index x = 0; x < g.pooled.width; ++x) {
        const Index top = std::max<Index>(0, 2 * y - 1), left = std::max<Index>(0, 2 * x - 1);
        EXPECT_EQ(where(At(g.pooled, c, y, x), 0), At(g.map, c, top, left));
      }
    }
  }
}

TYPED_TEST(ConvTest, SameBitsForAnyNumberOfThreads) {
  using S = TypeParam;
  const ConvGeometry g = *Geometry(Conv(20, 5, 1, 2, 3, 2, 1), {3, 24, 20});
  constexpr Index kSamples = 11;
  const Matrix<S> w = RandomMatrix<S>(20, g.patch_size(), 1), b = RandomMatrix<S>(20, 1, 2);
  const Matrix<S> h = RandomMatrix<S>(g.input.size(), kSamples, 3);
  const Matrix<S> delta = RandomMatrix<S>(g.pooled.size(), kSamples, 4);
  const auto all = [&](int threads) {
    const ScopedThreads scope(threads);
    Matrix<S> a(g.pooled.size(), kSamples), grad_w(w.rows(), w.cols()), grad_b(20, 1);
    Matrix<S> dh(h.rows(), kSamples);
    PoolOrigins where;
    ConvForward<S>(g, w, &b, h, &where, a);
    ConvGradient<S>(g, delta, where, h, grad_w, &grad_b);
    ConvBackward<S>(g, w, delta, where, dh);
    return std::vector<Matrix<S>>{a, grad_w, grad_b, dh};
  };
  const auto one = all(1);
  for (const int threads : {2, 3, 5}) EXPECT_EQ(all(threads), one) << threads;
}

// Through two convolutions and two dense layers.
TEST(ConvNetwork, BpIsTheGradientOfTheLoss) {
  v1::TrainingSpec spec = SpecOfRule("bp");
  v1::Network& network = *spec.mutable_network();
  *network.add_layers()->mutable_conv() = Conv(3, 3, 1, 1, 2, 2, 0);
  *network.add_layers()->mutable_conv() = Conv(2, 2, 2, 1, 3, 1, 1);
  network.add_layers()->mutable_dense()->set_units(5);
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(network, {2, 7, 6}, 3));
  Trainee<double> trainee(spec, shapes);
  for (Parameter<double>& parameter : trainee.network.parameters()) {
    if (parameter.name[0] == 'b') {
      parameter.value = RandomMatrix<double>(parameter.value.rows(), 1, 3);
    }
  }
  const Matrix<double> x = RandomMatrix<double>(2 * 7 * 6, 4, 1);
  const Matrix<double> y = RandomTargets<double>(3, 4, 2);
  trainee.ComputeGradients(x, y);
  constexpr double kStep = 1e-6;
  for (Parameter<double>& parameter : trainee.network.parameters()) {
    for (Index i = 0; i < parameter.value.size(); ++i) {
      double& entry = parameter.value.data()[i];
      const double before = entry;
      entry = before + kStep;
      const double up = trainee.Evaluate(x, y).loss;
      entry = before - kStep;
      const double down = trainee.Evaluate(x, y).loss;
      entry = before;
      EXPECT_NEAR(parameter.gradient.data()[i], (up - down) / (2 * kStep), 1e-8)
          << parameter.name << " " << i;
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
