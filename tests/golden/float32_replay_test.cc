// The dense golden cases in float32, which is what most trainings run in: how much is
// lost, by the kind of number.
#include <gmock/gmock.h>

#include <string>

#include "common/file.h"
#include "tests/fakes/status_matchers.h"
#include "tests/golden/cases.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/compare.h"
#include "worker/trainer/golden/golden_case.h"
#include "worker/trainer/golden/replay.h"

namespace tpsweep::trainer {
namespace {

double ToleranceOf(const std::string& kind) { return kind.empty() ? 0 : 1e-30; }

class Float32Replay : public testing::TestWithParam<const char*> {};

TEST_P(Float32Replay, IsWithinTheToleranceOfEachKind) {
  const auto bytes = ReadFile(CasePath(GetParam()));
  TP_ASSERT_OK(bytes);
  const auto recorded = ParseSafetensors(*bytes, GetParam());
  TP_ASSERT_OK(recorded);
  const auto golden_case = ReadGoldenCase(*recorded);
  TP_ASSERT_OK(golden_case);
  const auto computed = Replay<float>(*golden_case, *recorded);
  TP_ASSERT_OK(computed);
  const Comparison comparison = Compare(*golden_case, *recorded, *computed);
  EXPECT_TRUE(comparison.missing.empty());
  EXPECT_GT(comparison.num_compared, 60);
  for (const auto& [name, kind] : comparison.kinds) {
    EXPECT_LE(kind.worst_error, ToleranceOf(name)) << name << ": " << kind.worst_tensor;
  }
}

INSTANTIATE_TEST_SUITE_P(DenseCases, Float32Replay, testing::ValuesIn(kDenseCases),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tpsweep::trainer
