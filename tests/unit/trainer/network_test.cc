#include "worker/trainer/network.h"

#include <gmock/gmock.h>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

Index NumParameters(absl::Span<const Parameter<float>> parameters) {
  Index count = 0;
  for (const auto& parameter : parameters) count += parameter.value.size();
  return count;
}

// I12 of the fact sheet of [TF]: counts of the MNIST network.
TEST(NetworkTest, CountsOfTheMnistNetwork) {
  const std::vector<Index> sizes = {784, 256, 256, 256, 256, 256, 10};
  Trainee<float> dtp(SpecOfRule("dtp"), sizes);
  Trainee<float> linear(SpecOfRule("ddtp_linear"), sizes);
  EXPECT_EQ(NumParameters(dtp.network.parameters()), 466698);
  EXPECT_EQ(NumParameters(linear.network.parameters()), 466698 - 256);
  EXPECT_EQ(NumParameters(dtp.rule->feedback_parameters()), 4 * (256 * 256 + 256) + 256 * 10 + 256);
  EXPECT_EQ(NumParameters(linear.rule->feedback_parameters()), 12800);
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
