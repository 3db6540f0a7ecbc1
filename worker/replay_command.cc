#include "worker/replay_command.h"

#include <set>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status_macros.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/compare.h"
#include "worker/trainer/golden/golden_case.h"
#include "worker/trainer/golden/replay.h"

namespace tpsweep {
namespace {

constexpr int kWithinTolerance = 0;
constexpr int kError = 1;
constexpr int kOutOfTolerance = 3;

void Print(const trainer::GoldenCase& golden_case, const trainer::Comparison& comparison,
           std::ostream& out) {
  out << "case " << golden_case.name << ": " << golden_case.num_steps << " steps after "
      << golden_case.num_feedback_steps << " feedback-only steps\n";
  out << absl::StrFormat("%-24s %7s  %-12s %-9s  %s\n", "kind", "tensors", "worst error",
                         "tolerance", "worst tensor");
  for (const auto& [name, kind] : comparison.kinds) {
    out << absl::StrFormat("%-24s %7d  %-12.3g %-9.3g  %s%s\n", name, kind.num_tensors,
                           kind.worst_error, kind.tolerance, kind.worst_tensor,
                           kind.is_angle ? " (degrees)" : "");
  }
  if (!comparison.missing.empty()) {
    out << "not computed, or in another shape: " << absl::StrJoin(comparison.missing, ", ") << "\n";
  }
  if (!comparison.out_of_tolerance.empty()) {
    out << "out of tolerance: " << absl::StrJoin(comparison.out_of_tolerance, ", ") << "\n";
  }
  if (comparison.ok()) {
    out << "all " << comparison.num_compared << " compared tensors are within tolerance\n";
  } else if (comparison.num_compared == 0) {
    out << "the case records nothing to compare with\n";
  }
}

absl::StatusOr<int> Run(const std::string& case_path, const std::string& out_path,
                        std::ostream& out) {
  TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(case_path));
  TP_ASSIGN_OR_RETURN(const trainer::SafetensorsFile recorded,
                      trainer::ParseSafetensors(bytes, case_path));
  TP_ASSIGN_OR_RETURN(const trainer::GoldenCase golden_case, trainer::ReadGoldenCase(recorded));
  TP_ASSIGN_OR_RETURN(const trainer::SafetensorsFile computed,
                      trainer::Replay<double>(golden_case, recorded));
  if (!out_path.empty()) {
    TP_RETURN_IF_ERROR(WriteFileAtomically(out_path, trainer::SerializeSafetensors(computed)));
  }
  const trainer::Comparison comparison = trainer::Compare(golden_case, recorded, computed);
  Print(golden_case, comparison, out);
  return comparison.ok() ? kWithinTolerance : kOutOfTolerance;
}

}  // namespace

int ReplayCommand(const std::string& case_path, const std::string& out_path, std::ostream& out,
                  std::ostream& err) {
  const absl::StatusOr<int> result = Run(case_path, out_path, out);
  if (result.ok()) return *result;
  err << "replay: ";
  if (!absl::StrContains(result.status().message(), case_path)) err << case_path << ": ";
  err << result.status().message() << "\n";
  return kError;
}

}  // namespace tpsweep
