// The toy experiments show what the theory says they do.
#include "worker/toy/toy.h"

#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/training_specs.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;

v1::TrainingSpec RegressionSpec(const std::string& rule, std::vector<int> hidden, int inputs) {
  v1::TrainingSpec spec = SmallSpec(rule, "student-teacher");
  spec.set_loss(v1::LOSS_MSE);
  spec.mutable_dataset()->set_validation(10);
  v1::StudentTeacher& task = *spec.mutable_dataset()->mutable_student_teacher();
  task.set_inputs(inputs);
  task.set_outputs(2);
  task.add_teacher_hidden(50);
  task.set_train(100);
  task.set_test(10);
  task.set_seed(3);
  spec.mutable_network()->clear_hidden();
  for (const int width : hidden) spec.mutable_network()->add_hidden(width);
  spec.set_precision(v1::PRECISION_FLOAT64);
  spec.set_batch_size(1);
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->mutable_sgd();
    optimiser->set_lr(0, 1e-5);
  }
  return spec;
}

// Rows of a table without its head, as fields.
std::vector<std::vector<std::string>> Rows(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  for (const absl::string_view line : absl::StrSplit(csv, '\n', absl::SkipEmpty())) {
    rows.push_back(absl::StrSplit(line, ','));
  }
  rows.erase(rows.begin());
  return rows;
}

double Number(const std::string& text) {
  double value = 0;
  EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

TEST(OutputSteps, GntPointsAtTheLabelInALinearNetworkAndBpDoesNot) {
  std::vector<ToyMethod> methods = {{"GNT", RegressionSpec("gnt", {4, 4}, 4)},
                                    {"BP", RegressionSpec("bp", {4, 4}, 4)}};
  for (ToyMethod& method : methods) {
    method.spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
    method.spec.mutable_network()->set_bias(false);
  }
  const auto result = CompareOutputSteps(methods, 5);
  ASSERT_THAT(result, IsOk());
  std::map<std::string, double> mean;
  for (const auto& row : Rows(result->csv)) mean[row[1]] += Number(row.back()) / 5;
  EXPECT_LT(mean["GNT"], 0.1);
  EXPECT_GT(mean["BP"], 1);
  EXPECT_THAT(result->svg, HasSubstr("sample 4"));
}

TEST(OutputSteps, NeedTwoOutputs) {
  v1::TrainingSpec spec = RegressionSpec("bp", {4}, 4);
  spec.mutable_dataset()->mutable_student_teacher()->set_outputs(3);
  EXPECT_THAT(CompareOutputSteps({{"BP", spec}}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("outputs: 3; legal: 2")));
}

TEST(NullSpaces, DirectFeedbackWastesLessThanLayerwiseFeedback) {
  std::vector<ToyMethod> methods = {{"DTP", RegressionSpec("dtp", {6, 6}, 6)},
                                    {"DDTP-linear", RegressionSpec("ddtp_linear", {6, 6}, 6)}};
  for (ToyMethod& method : methods) {
    method.spec.mutable_forward()->set_lr(0, 0);
    method.spec.mutable_feedback()->set_lr(0, 3e-3);
    method.spec.mutable_feedback_schedule()->set_pretraining_epochs(40);
    method.spec.set_epochs(1);
    method.spec.mutable_measure()->set_every(10);
    method.spec.mutable_measure()->add_quantities(v1::QUANTITY_NULLSPACE);
    method.spec.mutable_measure()->add_damping(0);
  }
  const auto result = CompareNullSpaces(methods, 2);
  ASSERT_THAT(result, IsOk());
  std::map<std::string, double> sum;
  std::map<std::string, int> count;
  for (const auto& row : Rows(result->csv)) {
    sum[row[0]] += Number(row[4]);  // layer 2
    ++count[row[0]];
  }
  EXPECT_EQ(count["DTP"], 20);
  EXPECT_EQ(count["DDTP-linear"], 20);
  EXPECT_LT(sum["DDTP-linear"], 0.7 * sum["DTP"]);
  EXPECT_THAT(result->svg, HasSubstr(">DDTP-linear</text>"));
}

TEST(NullSpaces, NeedTheMeasurement) {
  EXPECT_THAT(CompareNullSpaces({{"DTP", RegressionSpec("dtp", {6, 6}, 6)}}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("measure.quantities")));
}

}  // namespace
}  // namespace tpsweep
