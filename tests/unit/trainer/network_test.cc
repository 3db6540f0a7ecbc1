#include "worker/trainer/network.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/fakes/status_matchers.h"
#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

Index NumTrained(absl::Span<const Parameter<float>> parameters) {
  Index count = 0;
  for (const auto& parameter : parameters) {
    count += parameter.is_fixed ? 0 : parameter.value.size();
  }
  return count;
}

// I12 of the fact sheet of [TF]: counts of the MNIST network, fixed feedback not counted.
TEST(NetworkTest, CountsOfTheMnistNetwork) {
  const std::vector<Index> sizes = {784, 256, 256, 256, 256, 256, 10};
  const struct {
    const char* rule;
    Index num_forward, num_feedback;
  } kCounts[] = {
      {"bp", 466698, 0},
      {"dtp", 466698, 265984},
      {"dtpdrl", 466698, 265984},
      {"ddtp_linear", 466698 - 256, 12800},
      {"ddtp_rhl", 466698, 1052416},
      {"ddtp_control", 466698, 12800 + 5 * 256},
      {"dfa", 466698 - 256, 0},
  };
  for (const auto& expected : kCounts) {
    v1::TrainingSpec spec = SpecOfRule(expected.rule);
    if (spec.has_ddtp_rhl()) spec.mutable_ddtp_rhl()->set_random_units(1024);
    Trainee<float> trainee(spec, sizes);
    EXPECT_EQ(NumTrained(trainee.network.parameters()), expected.num_forward) << expected.rule;
    EXPECT_EQ(NumTrained(trainee.rule->feedback_parameters()), expected.num_feedback)
        << expected.rule;
  }
}

// I12: 2,432 + 51,264 + 2,097,664 + 5,130.
TEST(NetworkTest, ShapesAndCountsOfTheCifar10Network) {
  const v1::TrainingSpec spec = Cifar10SpecOfRule("bp");
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(spec.network(), {3, 32, 32}, 10));
  const Network<float> network(spec.network(), shapes, {}, 1);
  EXPECT_EQ(NumTrained(network.parameters()), 2156490);
  std::vector<Index> sizes, weights;
  for (int l = 1; l <= network.num_layers(); ++l) {
    sizes.push_back(network.size(l));
    weights.push_back(network.weight(l).value.size() + network.bias(l)->value.size());
    EXPECT_EQ(network.is_conv(l), l <= 2);
  }
  EXPECT_THAT(sizes, testing::ElementsAre(8192, 4096, 512, 10));
  EXPECT_THAT(weights, testing::ElementsAre(2432, 51264, 2097664, 5130));

  Pass<float> pass;
  network.Forward(RandomMatrix<float>(3072, 2, 1), pass);
  for (int l = 1; l <= 4; ++l) {
    const auto at = static_cast<size_t>(l);
    EXPECT_EQ(pass.a[at].rows(), network.size(l));
    EXPECT_EQ(pass.h[at].cols(), 2);
    // The last half of a pass, alone, is the same.
    Matrix<float> a(network.size(l), 2), h(network.size(l), 2);
    network.ForwardLayer(l, pass.h[at - 1], a, h);
    EXPECT_EQ(a, pass.a[at]) << l;
    EXPECT_EQ(h, pass.h[at]) << l;
  }
}

// A kernel's inputs are C_in K K and its outputs C_out K K, as in PyTorch.
TEST(NetworkTest, InitialKernelsAreScaledByTheirFans) {
  v1::TrainingSpec spec = Cifar10SpecOfRule("bp");
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(spec.network(), {3, 32, 32}, 10));
  const double fan_sums[] = {75 + 800, 800 + 1600, 4096 + 512};
  {
    const Network<double> network(spec.network(), shapes, {}, 1);
    for (int l = 1; l <= 3; ++l) {
      const Matrix<double>& w = network.weight(l).value;
      const double variance = w.squaredNorm() / static_cast<double>(w.size());
      // Five standard errors of the variance of normal draws.
      const double margin = 5 * std::sqrt(2.0 / static_cast<double>(w.size()));
      EXPECT_NEAR(variance * fan_sums[l - 1] / 2, 1, margin) << l;
    }
  }
  spec.mutable_network()->set_initialiser(v1::INITIALISER_XAVIER_UNIFORM);
  const Network<double> network(spec.network(), shapes, {}, 1);
  for (int l = 1; l <= 3; ++l) {
    const double bound = std::sqrt(6 / fan_sums[l - 1]);
    const double largest = network.weight(l).value.cwiseAbs().maxCoeff();
    EXPECT_LE(largest, bound) << l;
    EXPECT_GT(largest, 0.99 * bound) << l;
  }
}

TEST(NetworkTest, ForwardIsTheEquationOfTheLayers) {
  v1::TrainingSpec spec = SpecOfRule("bp");
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_SIGMOID);
  const std::vector<Index> sizes = {3, 4, 2};
  Network<double> network(spec.network(), sizes, {}, 1);
  network.bias(1)->value = RandomMatrix<double>(4, 1, 2);
  const Matrix<double> x = RandomMatrix<double>(3, 5, 3);
  Pass<double> pass;
  network.Forward(x, pass);
  const Matrix<double> a1 = (network.weight(1).value * x).colwise() + network.bias(1)->value.col(0);
  const Matrix<double> h1 = a1.array().tanh();
  const Matrix<double> a2 = network.weight(2).value * h1;
  EXPECT_EQ(pass.h[0], x);
  EXPECT_LT((pass.a[1] - a1).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((pass.h[1] - h1).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((pass.a[2] - a2).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((pass.h[2].array() - 1 / (1 + (-a2.array()).exp())).abs().maxCoeff(), 1e-14);
}

TEST(NetworkTest, BiasesAreLeftOutWhereTheyAreNotWanted) {
  v1::TrainingSpec spec = SpecOfRule("bp");
  const std::vector<Index> sizes = {3, 4, 4, 2};
  Network<float> some(spec.network(), sizes, {2}, 1);
  EXPECT_NE(some.bias(1), nullptr);
  EXPECT_EQ(some.bias(2), nullptr);
  EXPECT_NE(some.bias(3), nullptr);
  spec.mutable_network()->set_bias(false);
  Network<float> none(spec.network(), sizes, {}, 1);
  EXPECT_EQ(none.parameters().size(), 3u);
  // The weights do not depend on which biases there are.
  EXPECT_EQ(none.weight(3).value, some.weight(3).value);
}

TEST(NetworkTest, DdtpLinearHasNoBiasInTheLastHiddenLayerUnlessAskedTo) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  const std::vector<Index> sizes = {3, 4, 4, 2};
  EXPECT_EQ(Trainee<float>(spec, sizes).network.bias(2), nullptr);
  spec.mutable_ddtp_linear()->set_last_hidden_bias(true);
  EXPECT_NE(Trainee<float>(spec, sizes).network.bias(2), nullptr);
}

}  // namespace
}  // namespace tpsweep::trainer
