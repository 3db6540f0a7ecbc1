// Whole runs with exact inverses, the regulariser, and a fixed order of the data.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/trainer/training_run_harness.h"

namespace tpsweep::trainer {
namespace {

using GaitRun = TrainingRunTest;
using testing::AllOf;
using testing::HasSubstr;

// The toy data have 16 inputs and 3 classes.
v1::TrainingSpec SquareSpec(const std::string& rule, const std::vector<int>& hidden = {16, 16},
                            int output_units = 16) {
  v1::TrainingSpec spec = SmallSpec(rule);
  v1::Network& network = *spec.mutable_network();
  network.clear_hidden();
  for (const int width : hidden) network.add_hidden(width);
  network.set_square(true);
  network.set_output_units(output_units);
  network.set_activation(v1::ACTIVATION_LEAKY_RELU);
  network.set_output_activation(v1::ACTIVATION_LEAKY_RELU);
  network.set_initialiser(v1::INITIALISER_HAAR);
  spec.set_loss(v1::LOSS_HALF_SQUARES);
  spec.set_soft_target(1);
  spec.set_precision(v1::PRECISION_FLOAT64);
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->mutable_adam()->set_bias_correction(false);
  }
  return spec;
}

double Last(const Outcome& outcome, const std::string& name) {
  return Scalar(outcome.measurements.back(), name);
}

TEST_F(GaitRun, SquareAndTowerNetworksLearn) {
  for (const std::string rule : {"bp", "tp", "itp", "gait", "gait_gamma", "gait_adaptive_gamma"}) {
    for (const bool is_tower : {false, true}) {
      v1::TrainingSpec spec =
          is_tower ? SquareSpec(rule, {16, 12, 8}, 0) : SquareSpec(rule, {16, 16}, 16);
      spec.set_epochs(6);
      spec.set_orthogonality(0.1);
      const Outcome outcome = Train(spec);
      ASSERT_EQ(outcome.end, TrainingRun::End::kCompleted) << rule << " " << outcome.message;
      EXPECT_LT(Last(outcome, "train/error"), 0.3) << rule << (is_tower ? " tower" : " square");
    }
  }
}

TEST_F(GaitRun, ResumesAnywhereToTheSameBits) {
  for (const std::string rule : {"tp", "gait_adaptive_gamma"}) {
    v1::TrainingSpec spec = SquareSpec(rule);
    spec.set_orthogonality(0.1);
    spec.set_epochs(2);
    ExpectResumableAnywhere(spec, 5);
  }
}

TEST_F(GaitRun, RefusesWhatTheDoorCouldNotSee) {
  v1::TrainingSpec spec = SquareSpec("gait", {16, 12}, 0);
  spec.mutable_network()->set_square(false);
  EXPECT_THAT(TrainingRun::Create(spec, cache_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("network.hidden: layer 2 has a matrix of 12 x 16"),
                             HasSubstr("network.square: true"))));
}

// Weight decay takes all of W away in one step, and the gradient of two samples has rank 2.
TEST_F(GaitRun, EndsInfeasibleWhenALayerBecomesSingular) {
  v1::TrainingSpec spec = SquareSpec("gait");
  spec.mutable_forward()->set_lr(0, 0.5);
  spec.mutable_forward()->set_weight_decay(2);
  spec.mutable_forward()->mutable_sgd()->set_momentum(0);
  spec.set_batch_size(2);
  const Outcome outcome = Train(spec);
  EXPECT_EQ(outcome.end, TrainingRun::End::kInfeasible);
  EXPECT_THAT(outcome.message,
              AllOf(HasSubstr("layer 2: W2 (16 x 16) is singular: the reciprocal of its condition"),
                    HasSubstr("lower forward.lr, or raise orthogonality"), HasSubstr("epoch 1")));
}

TEST_F(GaitRun, TheRegulariserKeepsTheMatricesOrthogonalForAnyRule) {
  const auto defect = [this](const std::string& rule, double strength) {
    v1::TrainingSpec spec = SquareSpec(rule);
    spec.set_orthogonality(strength);
    spec.mutable_measure()->set_every(1);
    spec.mutable_measure()->add_quantities(v1::QUANTITY_ORTHOGONALITY);
    const Outcome outcome = Train(spec);
    // The last but one: after it comes the measurement of the epoch.
    const auto& vectors = outcome.measurements.at(outcome.measurements.size() - 2).vectors();
    return vectors.at("layer/orthogonality_offdiagonal").values(1);
  };
  for (const std::string rule : {"bp", "gait", "ddtp_linear"}) {
    EXPECT_LT(defect(rule, 10), 0.5 * defect(rule, 0)) << rule;
  }
}

// With a rate of zero, the gradients of a mini-batch tell which samples are in it.
TEST_F(GaitRun, WithoutShufflingEveryEpochTakesTheOrderOfTheData) {
  for (const bool shuffle : {false, true}) {
    v1::TrainingSpec spec = SmallSpec("bp");
    spec.set_shuffle(shuffle);
    spec.set_epochs(2);
    spec.mutable_forward()->set_lr(0, 0);
    spec.mutable_measure()->set_every(1);
    spec.mutable_measure()->add_quantities(v1::QUANTITY_NORMS);
    std::vector<std::vector<double>> norms(2);
    for (const v1::Measurement& measurement : Train(spec).measurements) {
      const auto found = measurement.vectors().find("layer/weight_gradient_norm");
      if (found == measurement.vectors().end()) continue;
      norms.at(static_cast<size_t>(measurement.epoch())).push_back(found->second.values(0));
    }
    ASSERT_GT(norms[0].size(), 5u);
    if (shuffle) {
      EXPECT_NE(norms[0], norms[1]);
    } else {
      EXPECT_EQ(norms[0], norms[1]);
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
