#include "worker/toy_command.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status_macros.h"
#include "worker/preset_training.h"
#include "worker/toy/toy.h"

namespace tpsweep {
namespace {

absl::StatusOr<ToyMethod> MethodOf(const std::string& name, const std::string& preset) {
  TP_ASSIGN_OR_RETURN(v1::TrainingSpec training, PresetTraining(preset));
  return ToyMethod{name, std::move(training)};
}

absl::StatusOr<ToyResult> Run(const ToyOptions& options) {
  std::vector<ToyMethod> methods;
  const auto add = [&methods](const char* name, const char* preset) {
    absl::StatusOr<ToyMethod> method = MethodOf(name, preset);
    if (method.ok()) methods.push_back(*std::move(method));
    return method.status();
  };
  if (options.experiment == ToyOptions::Experiment::kNullSpace) {
    TP_RETURN_IF_ERROR(add("DTP pre-trained", "toy_nullspace_DTP"));
    TP_RETURN_IF_ERROR(add("DDTP-linear", "toy_nullspace_DDTPlinear"));
    return CompareNullSpaces(methods, options.seeds);
  }
  TP_RETURN_IF_ERROR(add("GNT", "toy_output_space_GNT"));
  TP_RETURN_IF_ERROR(add("BP", "toy_output_space_BP"));
  return CompareOutputSteps(methods, options.samples);
}

absl::Status RunAndWrite(const ToyOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("--out: ", options.folder, ": ", error.message()));
  }
  TP_ASSIGN_OR_RETURN(const ToyResult result, Run(options));
  const std::string stem = absl::StrCat(
      options.folder, "/",
      options.experiment == ToyOptions::Experiment::kNullSpace ? "null-space" : "output-space");
  TP_RETURN_IF_ERROR(WriteFileAtomically(stem + ".csv", result.csv));
  TP_RETURN_IF_ERROR(WriteFileAtomically(stem + ".svg", result.svg));
  std::printf("%swrote %s.csv and %s.svg\n", result.summary.c_str(), stem.c_str(), stem.c_str());
  return absl::OkStatus();
}

}  // namespace

int RunToyCommand(const ToyOptions& options) {
  const absl::Status status = RunAndWrite(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "tpsweep-worker toy: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace tpsweep
