#include "worker/trainer/network.h"

#include <gmock/gmock.h>

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

// I12: the CIFAR-10 network.
TEST(NetworkTest, CountsOfTheConvolutionalNetwork) {
  v1::Network spec = SpecOfRule("bp").network();
  for (const int channels : {32, 64}) {
    v1::Conv& conv = *spec.add_layers()->mutable_conv();
    conv.set_channels(channels);
    conv.set_kernel(5);
    conv.set_stride(1);
    conv.set_padding(2);
    conv.set_pool(3);
    conv.set_pool_stride(2);
    conv.set_pool_padding(1);
  }
  spec.add_layers()->mutable_dense()->set_units(512);
  const auto shapes = InferShapes(spec, {.channels = 3, .height = 32, .width = 32}, 10);
  Network<float> network(spec, *shapes, {}, 1);
  EXPECT_EQ(NumTrained(network.parameters()), 2156490);
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
