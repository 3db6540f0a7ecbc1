// The dense golden cases in float32, which is what most trainings run in: how much is
// lost, by the kind of number.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/match.h"
#include "common/file.h"
#include "tests/fakes/status_matchers.h"
#include "tests/golden/cases.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/compare.h"
#include "worker/trainer/golden/golden_case.h"
#include "worker/trainer/golden/replay.h"

namespace tpsweep::trainer {
namespace {

// What was measured is in README.md beside. With feedback through an activation, targets
// come from g(T) - g(h), a hundredth to a thousandth of its terms, and lose those digits.
// With linear feedback that difference is never taken.
double ToleranceOf(const std::string& kind, const v1::TrainingSpec& spec) {
  const bool takes_differences = spec.has_dtp() || spec.has_dtpdrl() || spec.has_ddtp_rhl();
  // Decompositions of Jacobians, which are not well conditioned.
  if (absl::StartsWith(kind, "metric/gn_angle_b") && !takes_differences) return 1e-3;
  if (absl::StrContains(kind, "nullspace")) return 5e-5;
  // The end of 999 Euler steps.
  if (absl::EndsWith(kind, "delta") && (spec.has_di() || spec.has_sldi())) return 2e-5;
  // Solutions of linear systems, by a BLAS that has other loops on other processors.
  if (absl::EndsWith(kind, "delta") && spec.has_ndi()) return 5e-6;
  if (kind == "target" && spec.has_gnt()) return 2e-5;
  if (absl::StrContains(kind, "angle")) return takes_differences ? 0.02 : 1e-4;
  if (absl::StartsWith(kind, "grad/")) return takes_differences ? 1e-3 : 1e-5;
  if (absl::StartsWith(kind, "metric/")) return 5e-6;
  return 1e-6;
}

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
  EXPECT_GT(comparison.num_compared, 30);
  for (const auto& [name, kind] : comparison.kinds) {
    EXPECT_LE(kind.worst_error, ToleranceOf(name, golden_case->spec))
        << name << ": " << kind.worst_tensor;
  }
}

INSTANTIATE_TEST_SUITE_P(DenseCases, Float32Replay, testing::ValuesIn(kDenseCases),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(InversionCases, Float32Replay, testing::ValuesIn(kInversionCases),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tpsweep::trainer
