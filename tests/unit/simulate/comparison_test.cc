#include "server/simulate/comparison.h"

#include <gmock/gmock.h>

#include "common/spec/validate.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/simulate/recording_specs.h"

namespace tpsweep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ComparisonTest : public testing::Test {
 protected:
  ComparisonTest() : curves_(Completed()) {}

  SimulatedSweep Sweep(const std::string& text, const std::string& file) const {
    auto sweep = ReadSimulatedSweep(text, file, curves_.spec());
    EXPECT_THAT(sweep, IsOk());
    return *sweep;
  }

  const RecordedCurves curves_;

 private:
  static v1::Recording Completed() {
    v1::Recording recording = MakeRecording(200);
    EXPECT_THAT(spec::Complete(*recording.mutable_spec()), IsOk());
    return recording;
  }
};

TEST_F(ComparisonTest, ASweepIsTheRecordedOneWithAnotherSearch) {
  const SimulatedSweep sweep =
      Sweep("search: {sampler: tpe, scheduler: asha}\nbudget: {epochs: 90}\n", "a/asha.yaml");
  EXPECT_EQ(sweep.name, "asha");
  EXPECT_TRUE(sweep.spec.search().scheduler().has_asha());
  EXPECT_EQ(sweep.spec.budget().epochs(), 90);
  EXPECT_EQ(sweep.spec.training().epochs(), kRecordedEpochs);
  EXPECT_EQ(sweep.spec.space_size(), 1);
}

TEST_F(ComparisonTest, WhatTheRecordingSaysCannotBeSaidAgain) {
  EXPECT_THAT(
      ReadSimulatedSweep("training: {epochs: 3}\nsearch: {sampler: grid}\n", "x.yaml",
                         curves_.spec()),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("training: is that of the recording; legal are search and budget")));
  EXPECT_THAT(
      ReadSimulatedSweep("search: {sampler: {random: {trials: -1}}}\n", "x.yaml", curves_.spec()),
      StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("x.yaml:1:")));
}

TEST_F(ComparisonTest, FiguresOfRandomSearchAreWhatTheyMustBe) {
  const SimulatedSweep random = Sweep("search: {sampler: {random: {trials: 20}}}", "random.yaml");
  const auto figures = CompareSweeps(curves_, {random}, {.slots = {1, 4}, .seeds = 10});
  ASSERT_EQ(figures.size(), 2u);
  for (const SweepFigures& row : figures) {
    EXPECT_EQ(row.trials, 20);
    EXPECT_EQ(row.epochs, 20 * kRecordedEpochs);
    EXPECT_EQ(row.core_seconds, 2 * 20 * kRecordedEpochs);
    EXPECT_EQ(row.seconds, row.core_seconds / row.slots);
    EXPECT_GE(row.regret, 0);
    ASSERT_TRUE(row.epochs_to_first.has_value());
    EXPECT_LE(*row.epochs_to_first, row.epochs);
    ASSERT_FALSE(row.course.empty());
    // There is no regret before every seed has an end.
    EXPECT_GE(row.course.front().epochs, kRecordedEpochs);
    EXPECT_EQ(row.course.back().epochs, row.epochs);
    EXPECT_EQ(row.course.back().regret, row.regret);
    for (size_t i = 1; i < row.course.size(); ++i) {
      EXPECT_LE(row.course[i].regret, row.course[i - 1].regret);
    }
  }
  EXPECT_EQ(figures[0].regret, figures[1].regret) << "the same trials by another clock";
}

TEST_F(ComparisonTest, AshaIsThereSoonerWhereCurvesDoNotCross) {
  const std::vector<SimulatedSweep> sweeps = {
      Sweep("search: {sampler: {random: {trials: 60}}}", "random.yaml"),
      Sweep("search: {sampler: {random: {trials: 60}}, scheduler: asha}", "asha.yaml")};
  const auto figures = CompareSweeps(curves_, sweeps, {.slots = {1, 8}, .seeds = 10});
  ASSERT_EQ(figures.size(), 4u);
  for (const size_t asha : {size_t{1}, size_t{3}}) {
    EXPECT_EQ(figures[asha].sweep, "asha");
    ASSERT_TRUE(figures[asha].epochs_to_first.has_value());
    EXPECT_LT(static_cast<double>(*figures[asha].epochs_to_first), figures[asha - 1].epochs / 2);
    EXPECT_NEAR(figures[asha].regret, figures[asha - 1].regret, 1e-9)
        << "the best of the same 60 trials";
  }
}

TEST_F(ComparisonTest, TheSameArgumentsGiveTheSameText) {
  const std::vector<SimulatedSweep> sweeps = {
      Sweep("search: {sampler: {tpe: {trials: 20}}}", "tpe.yaml")};
  const ComparisonOptions options{.slots = {2}, .seeds = 3};
  const auto once = CompareSweeps(curves_, sweeps, options);
  const auto again = CompareSweeps(curves_, sweeps, options);
  EXPECT_EQ(ToTable(once), ToTable(again));
  EXPECT_EQ(ToCsv(once), ToCsv(again));
  EXPECT_THAT(ToCsv(once), StartsWith("slots,sweep,epochs,regret,low,high\n2,tpe,"));
}

}  // namespace
}  // namespace tpsweep::server
