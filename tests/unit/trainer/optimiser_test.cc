// The optimisers against twins written from the formulas of training.proto.
#include "worker/trainer/optimiser.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/fakes/status_matchers.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

std::vector<Parameter<double>> TwoLayers() {
  std::vector<Parameter<double>> parameters;
  parameters.push_back(MakeParameter<double>("W1", 1, RandomMatrix<double>(3, 4, 1)));
  parameters.push_back(MakeParameter<double>("b1", 1, RandomMatrix<double>(3, 1, 2)));
  parameters.push_back(MakeParameter<double>("W2", 2, RandomMatrix<double>(2, 3, 3)));
  return parameters;
}

void SetGradients(std::vector<Parameter<double>>& parameters, uint64_t step) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Matrix<double>& value = parameters[i].value;
    parameters[i].gradient =
        RandomMatrix<double>(value.rows(), value.cols(), DeriveSeed(step, uint64_t{i}));
  }
}

v1::Optimiser AdamSpec() {
  v1::Optimiser spec;
  spec.add_lr(0.01);
  spec.set_weight_decay(0.1);
  spec.mutable_adam()->set_beta1(0.8);
  spec.mutable_adam()->set_beta2(0.95);
  spec.mutable_adam()->set_bias_correction(true);
  spec.mutable_adam()->add_epsilon(1e-3);
  return spec;
}

TEST(OptimiserTest, AdamIsPyTorchsFormula) {
  v1::Optimiser spec = AdamSpec();
  spec.clear_lr();
  spec.add_lr(0.01);
  spec.add_lr(0.05);
  spec.mutable_adam()->add_epsilon(1e-2);
  auto parameters = TwoLayers();
  auto twin = parameters;
  auto optimiser = Optimiser<double>::Create(spec, parameters, 2, /*lr_divisor=*/0.5, {});
  TP_ASSERT_OK(optimiser);
  std::vector<Matrix<double>> m, v;
  for (const auto& p : twin) {
    m.push_back(Matrix<double>::Zero(p.value.rows(), p.value.cols()));
    v.push_back(m.back());
  }
  for (int t = 1; t <= 5; ++t) {
    SetGradients(parameters, static_cast<uint64_t>(t));
    optimiser->Step(absl::MakeSpan(parameters));
    for (size_t i = 0; i < twin.size(); ++i) {
      const double lr = (twin[i].layer == 1 ? 0.01 : 0.05) / 0.5;
      const double epsilon = twin[i].layer == 1 ? 1e-3 : 1e-2;
      const Matrix<double> g = parameters[i].gradient + 0.1 * twin[i].value;
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.95 * v[i] + 0.05 * g.cwiseProduct(g);
      twin[i].value.array() -= lr / (1 - std::pow(0.8, t)) * m[i].array() /
                               (v[i].array().sqrt() / std::sqrt(1 - std::pow(0.95, t)) + epsilon);
      EXPECT_LT((parameters[i].value - twin[i].value).cwiseAbs().maxCoeff(), 1e-14);
    }
  }
  EXPECT_EQ(optimiser->num_steps(), 5);
}

TEST(OptimiserTest, SgdWithMomentumAndWeightDecay) {
  for (const double momentum : {0.0, 0.7}) {
    v1::Optimiser spec;
    spec.add_lr(0.1);
    spec.set_weight_decay(0.2);
    spec.mutable_sgd()->set_momentum(momentum);
    auto parameters = TwoLayers();
    auto twin = parameters;
    auto optimiser = Optimiser<double>::Create(spec, parameters, 2, 1, {});
    TP_ASSERT_OK(optimiser);
    std::vector<Matrix<double>> buffer(twin.size());
    for (int t = 1; t <= 3; ++t) {
      SetGradients(parameters, static_cast<uint64_t>(t));
      optimiser->Step(absl::MakeSpan(parameters));
      for (size_t i = 0; i < twin.size(); ++i) {
        const Matrix<double> g = parameters[i].gradient + 0.2 * twin[i].value;
        buffer[i] = t == 1 ? g : Matrix<double>(momentum * buffer[i] + g);
        twin[i].value -= 0.1 * buffer[i];
        EXPECT_LT((parameters[i].value - twin[i].value).cwiseAbs().maxCoeff(), 1e-14);
      }
    }
  }
}

v1::Optimiser RmsPropSpec(bool centred) {
  v1::Optimiser spec;
  spec.add_lr(0.01);
  spec.set_weight_decay(0.1);
  spec.mutable_rmsprop()->set_alpha(0.9);
  spec.mutable_rmsprop()->add_epsilon(0.03);
  spec.mutable_rmsprop()->set_centred(centred);
  return spec;
}

// Entry by entry. The centred variance is that of PyTorch: the running mean of the
// square less the square of the running mean, both without bias correction.
TEST(OptimiserTest, RmsPropIsPyTorchsFormula) {
  for (const bool centred : {false, true}) {
    v1::Optimiser spec = RmsPropSpec(centred);
    spec.mutable_rmsprop()->add_epsilon(0.002);  // of layer 2
    auto parameters = TwoLayers();
    auto twin = parameters;
    auto optimiser = Optimiser<double>::Create(spec, parameters, 2, /*lr_divisor=*/0.5, {});
    TP_ASSERT_OK(optimiser);
    std::vector<std::vector<double>> v(twin.size()), m(twin.size());
    for (int t = 1; t <= 5; ++t) {
      SetGradients(parameters, static_cast<uint64_t>(t));
      optimiser->Step(absl::MakeSpan(parameters));
      for (size_t i = 0; i < twin.size(); ++i) {
        const auto size = static_cast<size_t>(twin[i].value.size());
        v[i].resize(size);
        m[i].resize(size);
        const double epsilon = twin[i].layer == 1 ? 0.03 : 0.002;
        for (size_t k = 0; k < size; ++k) {
          double& theta = twin[i].value.data()[k];
          const double g = parameters[i].gradient.data()[k] + 0.1 * theta;
          v[i][k] = 0.9 * v[i][k] + 0.1 * g * g;
          m[i][k] = centred ? 0.9 * m[i][k] + 0.1 * g : 0;
          theta -= 0.01 / 0.5 * g / (std::sqrt(v[i][k] - m[i][k] * m[i][k]) + epsilon);
        }
        EXPECT_LT((parameters[i].value - twin[i].value).cwiseAbs().maxCoeff(), 1e-13);
      }
    }
  }
}

// A-10 of the fact sheet of [GAIT]: the first step is lr, as with the correction; the second,
// of the same gradient, shows that there is none.
TEST(OptimiserTest, AdamWithoutBiasCorrection) {
  v1::Optimiser spec = AdamSpec();
  spec.set_weight_decay(0);
  spec.set_lr(0, 0.1);
  spec.mutable_adam()->set_beta1(0.9);
  spec.mutable_adam()->set_beta2(0.99);
  spec.mutable_adam()->set_epsilon(0, 1e-8);
  spec.mutable_adam()->set_bias_correction(false);
  auto parameters = TwoLayers();
  auto optimiser = Optimiser<double>::Create(spec, parameters, 2, 1, {});
  TP_ASSERT_OK(optimiser);
  SetGradients(parameters, 1);
  for (const double step : {0.1 * 0.1 / std::sqrt(0.01), 0.1 * 0.19 / std::sqrt(0.0199)}) {
    const auto before = parameters;
    optimiser->Step(absl::MakeSpan(parameters));
    for (size_t i = 0; i < before.size(); ++i) {
      for (Index k = 0; k < before[i].value.size(); ++k) {
        const double moved = before[i].value.data()[k] - parameters[i].value.data()[k];
        const double g = parameters[i].gradient.data()[k];
        EXPECT_NEAR(moved, g > 0 ? step : -step, 1e-6 * step / std::abs(g)) << g;
      }
    }
  }
}

TEST(OptimiserTest, RmsPropKeepsAMeanOfTheGradientOnlyIfCentred) {
  const auto names = [](const v1::Optimiser& spec) {
    auto optimiser = Optimiser<double>::Create(spec, TwoLayers(), 2, 1, {1});
    EXPECT_THAT(optimiser, IsOk());
    std::vector<std::string> result;
    for (const auto& tensor : optimiser->state()) result.push_back(tensor.name);
    return result;
  };
  EXPECT_THAT(names(RmsPropSpec(true)),
              testing::ElementsAre("rmsprop_v/W1", "rmsprop_m/W1", "rmsprop_v/b1", "rmsprop_m/b1"));
  EXPECT_THAT(names(RmsPropSpec(false)), testing::ElementsAre("rmsprop_v/W1", "rmsprop_v/b1"));
}

TEST(OptimiserTest, FixedParametersKeepTheirBitsAndHaveNoState) {
  for (const v1::Optimiser& spec : {AdamSpec(), RmsPropSpec(true)}) {
    auto parameters = TwoLayers();
    parameters[0].is_fixed = true;
    const auto before = parameters;
    auto optimiser = Optimiser<double>::Create(spec, parameters, 2, 1, {});
    TP_ASSERT_OK(optimiser);
    EXPECT_EQ(optimiser->state().size(), 4u);
    SetGradients(parameters, 1);
    optimiser->Step(absl::MakeSpan(parameters));
    EXPECT_EQ(parameters[0].value, before[0].value);
    EXPECT_NE(parameters[1].value, before[1].value);
    EXPECT_NE(parameters[2].value, before[2].value);
  }
}

TEST(OptimiserTest, UntrainedLayersKeepTheirBits) {
  auto parameters = TwoLayers();
  const auto before = parameters;
  auto optimiser = Optimiser<double>::Create(AdamSpec(), parameters, 2, 1, {2});
  TP_ASSERT_OK(optimiser);
  SetGradients(parameters, 1);
  optimiser->Step(absl::MakeSpan(parameters));
  EXPECT_EQ(parameters[0].value, before[0].value);
  EXPECT_EQ(parameters[1].value, before[1].value);
  EXPECT_NE(parameters[2].value, before[2].value);
  ASSERT_EQ(optimiser->state().size(), 2u);
  EXPECT_EQ(optimiser->state()[0].name, "adam_m/W2");
  EXPECT_EQ(optimiser->state()[1].name, "adam_v/W2");
}

TEST(OptimiserTest, AListMustHaveOneElementForEachLayer) {
  const auto parameters = TwoLayers();
  v1::Optimiser spec = AdamSpec();
  for (int i = 0; i < 2; ++i) spec.add_lr(1);
  EXPECT_THAT(Optimiser<double>::Create(spec, parameters, 2, 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lr: has 3 elements")));
  spec.clear_lr();
  EXPECT_THAT(Optimiser<double>::Create(spec, parameters, 2, 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lr: has 0 elements")));
  spec = AdamSpec();
  for (int i = 0; i < 2; ++i) spec.mutable_adam()->add_epsilon(1);
  EXPECT_THAT(
      Optimiser<double>::Create(spec, parameters, 2, 1, {}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("adam.epsilon: has 3 elements")));
  spec = RmsPropSpec(true);
  for (int i = 0; i < 2; ++i) spec.mutable_rmsprop()->add_epsilon(1);
  EXPECT_THAT(
      Optimiser<double>::Create(spec, parameters, 2, 1, {}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rmsprop.epsilon: has 3 elements")));
}

TEST(OptimiserTest, StateMovedToAnotherGoesOnInTheSameBits) {
  v1::Optimiser momentum;
  momentum.add_lr(0.1);
  momentum.mutable_sgd()->set_momentum(0.9);
  for (const v1::Optimiser& spec : {AdamSpec(), momentum, RmsPropSpec(false), RmsPropSpec(true)}) {
    auto parameters = TwoLayers();
    auto one = Optimiser<double>::Create(spec, parameters, 2, 1, {});
    TP_ASSERT_OK(one);
    for (uint64_t t = 1; t <= 3; ++t) {
      SetGradients(parameters, t);
      one->Step(absl::MakeSpan(parameters));
    }
    auto copy = parameters;
    auto two = Optimiser<double>::Create(spec, copy, 2, 1, {});
    TP_ASSERT_OK(two);
    two->set_num_steps(one->num_steps());
    ASSERT_EQ(two->state().size(), one->state().size());
    for (size_t i = 0; i < one->state().size(); ++i) {
      two->state()[i].value = one->state()[i].value;
    }
    SetGradients(parameters, 4);
    SetGradients(copy, 4);
    one->Step(absl::MakeSpan(parameters));
    two->Step(absl::MakeSpan(copy));
    for (size_t i = 0; i < copy.size(); ++i) EXPECT_EQ(copy[i].value, parameters[i].value);
  }
}

// Wherever it is in the parameter, and with any optimiser and number of threads.
TEST(OptimiserTest, AGradientThatIsNotFiniteIsNamed) {
  v1::Optimiser sgd, rmsprop;
  for (v1::Optimiser* spec : {&sgd, &rmsprop}) spec->add_lr(0.01);
  sgd.mutable_sgd()->set_momentum(0.9);
  rmsprop.mutable_rmsprop()->set_alpha(0.9);
  rmsprop.mutable_rmsprop()->add_epsilon(1e-8);
  for (const v1::Optimiser& spec : {AdamSpec(), sgd, rmsprop}) {
    for (const double bad :
         {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
      for (const Index at : {0, 70'000, 119'999}) {
        for (const int threads : {1, 3}) {
          const ScopedThreads scope(threads);
          auto parameters = TwoLayers();
          parameters.push_back(MakeParameter<double>("W3", 2, RandomMatrix<double>(400, 300, 4)));
          auto optimiser = Optimiser<double>::Create(spec, parameters, 2, 1, {});
          TP_ASSERT_OK(optimiser);
          SetGradients(parameters, 1);
          EXPECT_EQ(optimiser->Step(absl::MakeSpan(parameters)), nullptr);
          parameters.back().gradient.data()[at] = bad;
          EXPECT_EQ(optimiser->Step(absl::MakeSpan(parameters)), &parameters.back());
        }
      }
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
