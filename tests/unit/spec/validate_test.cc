#include "common/spec/validate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "common/spec/yaml.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/spec/sweep_files.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::HasSubstr;

v1::StudySpec Completed(const std::string& text) {
  const auto spec = ParseAndCompleteStudy(text, "sweep.yaml");
  EXPECT_THAT(spec, IsOk());
  return spec.value_or(v1::StudySpec());
}

v1::Assignment Assign(const std::string& path, const std::string& text) {
  v1::Assignment assignment;
  assignment.set_path(path);
  assignment.mutable_value()->set_string_value(text);
  return assignment;
}

v1::Assignment Assign(const std::string& path, double number) {
  v1::Assignment assignment;
  assignment.set_path(path);
  assignment.mutable_value()->set_number_value(number);
  return assignment;
}

TEST(CompleteTraining, FillsInEveryDefault) {
  v1::TrainingSpec spec;
  spec.mutable_dataset()->set_name("mnist");
  spec.mutable_dtp();
  TP_ASSERT_OK(Complete(spec));
  EXPECT_EQ(spec.dataset().validation(), 5000);
  EXPECT_EQ(spec.dataset().normalisation(), v1::NORMALISATION_PRESET);
  EXPECT_EQ(spec.network().activation(), v1::ACTIVATION_TANH);
  EXPECT_EQ(spec.network().output_activation(), v1::ACTIVATION_LINEAR);
  EXPECT_TRUE(spec.network().bias());
  EXPECT_EQ(spec.network().hidden_size(), 0) << "an empty list is legal, so it has no default";
  EXPECT_EQ(spec.loss(), v1::LOSS_CROSS_ENTROPY);
  EXPECT_EQ(spec.soft_target(), 0.9);
  EXPECT_EQ(spec.dtp().sigma(), 0.1);
  EXPECT_EQ(spec.dtp().target_stepsize(), 0.1);
  for (const v1::Optimiser* optimiser : {&spec.forward(), &spec.feedback()}) {
    EXPECT_THAT(optimiser->lr(), ElementsAre(0.001));
    EXPECT_EQ(optimiser->adam().beta1(), 0.9);
    EXPECT_EQ(optimiser->adam().beta2(), 0.999);
    EXPECT_THAT(optimiser->adam().epsilon(), ElementsAre(1e-8));
    EXPECT_TRUE(optimiser->has_weight_decay());
  }
  EXPECT_TRUE(spec.feedback_schedule().has_frozen());
  EXPECT_EQ(spec.batch_size(), 128);
  EXPECT_EQ(spec.epochs(), 10);
  EXPECT_EQ(spec.precision(), v1::PRECISION_FLOAT32);
  EXPECT_EQ(spec.seed(), 1u);
  EXPECT_EQ(spec.threads_per_run(), 0) << "a share of the slots";
}

TEST(CompleteTraining, KeepsWhatIsSetAndIsDoneAfterOnce) {
  v1::TrainingSpec spec;
  spec.mutable_dataset()->set_name("mnist");
  spec.mutable_dataset()->set_validation(0);
  spec.set_epochs(0);
  spec.mutable_bp();
  spec.mutable_forward()->mutable_sgd();
  TP_ASSERT_OK(Complete(spec));
  EXPECT_EQ(spec.dataset().validation(), 0);
  EXPECT_EQ(spec.epochs(), 0);
  EXPECT_TRUE(spec.forward().has_sgd());
  EXPECT_TRUE(spec.forward().sgd().has_momentum());
  v1::TrainingSpec again = spec;
  TP_ASSERT_OK(Complete(again));
  EXPECT_TRUE(MessageDifferencer::Equals(again, spec));
}

TEST(CompleteTraining, TheFeedbackActivationFollowsThatOfTheHiddenLayers) {
  for (const auto& [hidden, feedback] : {
           std::pair(v1::ACTIVATION_TANH, v1::ACTIVATION_TANH),
           std::pair(v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_INVERSE_LEAKY_RELU),
           std::pair(v1::ACTIVATION_SIGMOID, v1::ACTIVATION_SIGMOID),
       }) {
    v1::TrainingSpec spec;
    spec.mutable_dataset()->set_name("mnist");
    spec.mutable_network()->set_activation(hidden);
    spec.mutable_dtp();
    TP_ASSERT_OK(Complete(spec));
    EXPECT_EQ(spec.dtp().feedback_activation(), feedback);
  }
}

// What cannot be written in a sweep file, but can be sent.
TEST(CompleteTraining, RefusesForeignMessages) {
  v1::TrainingSpec good;
  good.mutable_dataset()->set_name("mnist");
  good.mutable_bp();
  v1::TrainingSpec spec = good;
  spec.set_loss(static_cast<v1::Loss>(99));
  EXPECT_THAT(Complete(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("loss: 'number 99' is unknown")));
  spec = good;
  spec.mutable_forward()->add_lr(std::nan(""));
  EXPECT_THAT(Complete(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("forward.lr: .nan is not a finite number")));
  spec = good;
  auto& forward = *spec.mutable_forward();
  forward.GetReflection()->MutableUnknownFields(&forward)->AddVarint(42, 1);
  EXPECT_THAT(Complete(spec),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("forward: has a field that is not known here (number 42)")));
}

TEST(CompleteStudy, LeavesWhatIsSearchedUnset) {
  const v1::StudySpec spec = Completed(kComparison);
  EXPECT_EQ(spec.training().rule_case(), v1::TrainingSpec::RULE_NOT_SET);
  EXPECT_EQ(spec.training().forward().lr_size(), 0);
  EXPECT_EQ(spec.training().feedback().lr_size(), 1);
  EXPECT_FALSE(spec.training().has_seed());
  EXPECT_EQ(spec.search().seed(), 1u);
  EXPECT_TRUE(spec.has_budget());
}

TEST(CompleteStudy, ACompletedStudyIsLegalAgain) {
  const v1::StudySpec spec = Completed(kComparison);
  v1::StudySpec again = spec;
  TP_ASSERT_OK(Complete(again));
  EXPECT_TRUE(MessageDifferencer::Equals(again, spec));
}

TEST(CompleteStudy, RefusesForeignMessages) {
  const v1::StudySpec good = Completed(kComparison);
  v1::StudySpec spec = good;
  *spec.add_space() = spec.space(1);
  EXPECT_THAT(Complete(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                       "space.training.forward.lr: is searched twice"));
  spec = good;
  spec.mutable_space(0)->mutable_choice()->add_values()->mutable_struct_value();
  EXPECT_THAT(Complete(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("space.training.rule: {} is unknown")));
  spec = good;
  spec.mutable_space(1)->mutable_log()->set_high(std::nan(""));
  EXPECT_THAT(Complete(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr(".nan is not a finite number")));
  spec = good;
  spec.mutable_space(1)->clear_path();
  EXPECT_THAT(Complete(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("path: must be set")));
}

// A spec with three conditional branches; its grid is counted branch by branch.
std::string Grid(int bp_points, int dtp_points) {
  return "study: s\n"
         "training: {dataset: {name: mnist}}\n"
         "search: {sampler: grid}\n"
         "space:\n"
         "  training.rule: {choice: [bp, dtp]}\n"
         "  training.forward.lr: {log: [0.1, 1], points: " +
         std::to_string(bp_points) +
         ", when: {training.rule: bp}}\n"
         "  training.rule.dtp.sigma: {log: [0.1, 1], points: " +
         std::to_string(dtp_points) + ", when: {training.rule: dtp}}\n";
}

TEST(CompleteStudy, AGridIsCountedBranchByBranch) {
  TP_EXPECT_OK(ParseAndCompleteStudy(Grid(400000, 600000), "g"));
  EXPECT_THAT(ParseAndCompleteStudy(Grid(400000, 600001), "g"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the grid has 1000001 points; at most 1000000")));
}

TEST(CompleteStudy, EveryKindOfDomainIsLegal) {
  Completed(R"(study: s
training: {dataset: {name: mnist}, rule: dtp, forward: {lr: [0.1]}}
search: {sampler: grid}
space:
  training.normalize_lr: {boolean: {}}
  training.epochs: {integer: [1, 8], points: 3, when: {training.normalize_lr: true}}
  training.network.hidden: {choice: [[8], [9]]}
  'training.forward.lr[1]': {linear: [0, 1], points: 2}
  training.rule.dtp.sigma: {log: [0.1, 1], points: 2, when: {training.epochs: [1, 8]}}
  training.feedback.algorithm: {choice: [adam, sgd]}
  training.feedback.algorithm.sgd.momentum:
    {choice: [0.5, 0.9], when: {training.feedback.algorithm: sgd}}
)");
}

TEST(Configure, MakesACompleteTrainingSpec) {
  const v1::StudySpec spec = Completed(kComparison);
  v1::Trial trial;
  trial.set_number(3);
  // Not in the order in which they must be applied.
  *trial.add_parameters() = Assign("training.rule.dtp.sigma", 0.2);
  *trial.add_parameters() = Assign("training.forward.lr", 0.01);
  *trial.add_parameters() = Assign("training.rule", "dtp");
  TP_ASSERT_OK_AND_ASSIGN(v1::TrainingSpec training, Configure(spec, trial, 1));
  EXPECT_EQ(training.dtp().sigma(), 0.2);
  EXPECT_EQ(training.dtp().target_stepsize(), 0.1);
  EXPECT_EQ(training.dtp().feedback_activation(), v1::ACTIVATION_TANH);
  EXPECT_THAT(training.forward().lr(), ElementsAre(0.01));
  EXPECT_EQ(training.seed(), RunSeed(1, 3, 1));
  v1::TrainingSpec again = training;
  TP_ASSERT_OK(Complete(again));
  EXPECT_TRUE(MessageDifferencer::Equals(again, training));
}

TEST(Configure, WhatATrialLacksGetsItsDefault) {
  const v1::StudySpec spec = Completed(kComparison);
  v1::Trial trial;
  *trial.add_parameters() = Assign("training.rule", "dtp");
  TP_ASSERT_OK_AND_ASSIGN(const v1::TrainingSpec training, Configure(spec, trial, 0));
  EXPECT_EQ(training.dtp().sigma(), 0.1);
  EXPECT_THAT(training.forward().lr(), ElementsAre(0.001));
}

TEST(Configure, ListElementsAreSetInTheirOrder) {
  v1::StudySpec spec = Completed(kComparison);
  v1::Trial trial;
  *trial.add_parameters() = Assign("training.rule", "bp");
  for (const int i : {3, 1, 0, 2}) {
    *trial.add_parameters() = Assign("training.forward.lr[" + std::to_string(i) + "]", i);
  }
  TP_ASSERT_OK_AND_ASSIGN(const v1::TrainingSpec training, Configure(spec, trial, 0));
  EXPECT_THAT(training.forward().lr(), ElementsAre(0, 1, 2, 3));
}

TEST(Configure, RefusesIllegalCombinations) {
  const v1::StudySpec spec = Completed(kComparison);
  v1::Trial trial;
  EXPECT_THAT(Configure(spec, trial, 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("training.rule: must be chosen; legal: bp, dtp, ddtp_linear")));
  *trial.add_parameters() = Assign("training.rule", "bp");
  *trial.add_parameters() = Assign("training.forward.lr", -1);
  EXPECT_THAT(Configure(spec, trial, 0), StatusIs(absl::StatusCode::kInvalidArgument,
                                                  "training.forward.lr: -1 is not in [0, 1000]"));
  *trial.mutable_parameters(1) = Assign("search.replicates", 3);
  EXPECT_THAT(Configure(spec, trial, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("only fields of training")));
}

TEST(RunSeed, IsDifferentForEveryRunAndExactInADouble) {
  std::set<uint64_t> seeds;
  for (uint64_t study = 0; study < 10; ++study) {
    for (int64_t trial = 0; trial < 30; ++trial) {
      for (int64_t replicate = 0; replicate < 30; ++replicate) {
        const uint64_t seed = RunSeed(study, trial, replicate);
        EXPECT_LT(seed, uint64_t{1} << 53);
        seeds.insert(seed);
      }
    }
  }
  EXPECT_EQ(seeds.size(), 10u * 30u * 30u);
  // Written down: another value would change the results of every old sweep.
  EXPECT_EQ(RunSeed(1, 0, 0), 1632322436566803u);
  EXPECT_EQ(RunSeed(7, 12, 3), 5480145191693194u);
}

}  // namespace
}  // namespace tpsweep::spec
