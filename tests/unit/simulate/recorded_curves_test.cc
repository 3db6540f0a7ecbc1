// What docs/results.md says of ASHA on the recordings of tests/bench/curves, with fewer seeds
// and slots: a change to a scheduler, sampler or simulator that loses it is seen here.
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "server/simulate/comparison.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::server {
namespace {

class CurvesOnFashionMnistTest : public testing::TestWithParam<const char*> {};

TEST_P(CurvesOnFashionMnistTest, AshaNeedsAThirdOfTheEpochsOfRandomSearchWhereTheBestEpochCounts) {
  const std::string file =
      absl::StrCat(std::getenv("TPSWEEP_SOURCE_DIR"), "/tests/bench/curves/", GetParam());
  const auto text = ReadFile(file);
  ASSERT_THAT(text, IsOk());
  auto recording = ParseRecording(*text, file);
  ASSERT_THAT(recording, IsOk());
  TakeBestSoFar(*recording);
  const RecordedCurves curves(*std::move(recording));
  std::vector<SimulatedSweep> sweeps;
  for (const char* scheduler : {"none", "asha"}) {
    const auto sweep = ReadSimulatedSweep(
        absl::StrCat("search: {sampler: {random: {trials: 5184}}, scheduler: ", scheduler,
                     "}\nbudget: {epochs: 5184}"),
        scheduler, curves.spec());
    ASSERT_THAT(sweep, IsOk());
    sweeps.push_back(*sweep);
  }
  const auto figures = CompareSweeps(curves, sweeps, {.slots = {1, 16}, .seeds = 5});
  for (const size_t asha : {size_t{1}, size_t{3}}) {
    ASSERT_TRUE(figures[asha].epochs_to_first.has_value());
    EXPECT_LE(static_cast<double>(*figures[asha].epochs_to_first), figures[asha - 1].epochs / 3);
    EXPECT_LE(figures[asha].regret, figures[asha - 1].regret);
  }
}

INSTANTIATE_TEST_SUITE_P(OnFashionMnist, CurvesOnFashionMnistTest,
                         testing::Values("bp_long.json", "ddtp_linear_long.json"),
                         [](const auto& recording) {
                           const std::string file = recording.param;
                           return file.substr(0, file.find('.'));
                         });

}  // namespace
}  // namespace tpsweep::server
