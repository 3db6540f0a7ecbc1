// An epoch of training beside its floating-point limit: the table of docs/benchmarks.md.
//
//   training_speed_bench [REPETITIONS [ROWS]]      default 10, all; or those that begin so, as "bp
//   float32"
//
// The settings are those of the presets, with their feedback schedules. Each row takes its
// time and the processor's rate of multiply-adds in turn (worker/bench).
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "common/training/known_data.h"
#include "worker/bench/machine.h"
#include "worker/bench/training_speed.h"
#include "worker/preset_training.h"
#include "worker/trainer/kernels.h"

namespace tpsweep {
namespace {

struct Row {
  const char* what;
  const char* preset;
  v1::Precision precision;
  int64_t batches;  // of a repetition: so many that the end of an epoch does not count
  double bound;     // what the project allows itself
  std::function<void(v1::TrainingSpec&)> change = {};
};

std::vector<Row> Rows() {
  std::vector<Row> rows;
  for (const auto& [precision, bound] :
       {std::pair{v1::PRECISION_FLOAT32, 1.30}, std::pair{v1::PRECISION_FLOAT64, 1.35}}) {
    for (const auto& [what, preset] :
         {std::pair{"bp", "fashion_mnist_BP"}, std::pair{"dfa", "fashion_mnist_DFA"},
          std::pair{"dtp", "fashion_mnist_DTP"}, std::pair{"dtpdrl", "fashion_mnist_DTPDRL"},
          std::pair{"ddtp_linear", "fashion_mnist_DDTPlinear"},
          std::pair{"ddtp_rhl", "fashion_mnist_DDTPRHL"},
          std::pair{"ddtp_control", "fashion_mnist_DDTPControl"}}) {
      rows.push_back({what, preset, precision, 150, bound});
    }
  }
  rows.push_back({"bp, 3072-3x1024-10", "cifar10_BP", v1::PRECISION_FLOAT32, 100, 1.35});
  rows.push_back(
      {"ddtp_linear, 3072-3x1024-10", "cifar10_DDTPlinear", v1::PRECISION_FLOAT32, 100, 1.35});
  rows.push_back({"ddtp_linear, 784-5x64-10", "fashion_mnist_DDTPlinear", v1::PRECISION_FLOAT32,
                  300, 2.0, [](v1::TrainingSpec& spec) {
                    for (auto& width : *spec.mutable_network()->mutable_hidden()) width = 64;
                  }});
  rows.push_back({"bp, CIFAR-10 CNN", "cifar10_BPConv", v1::PRECISION_FLOAT32, 6, 2.0});
  rows.push_back({"ddtp_linear, CIFAR-10 CNN", "cifar10_DDTPConv", v1::PRECISION_FLOAT32, 6, 2.0});
  rows.push_back({"gait, 784-4x784, without regulariser", "gait_GAIT_square", v1::PRECISION_FLOAT64,
                  30, 1.6, [](v1::TrainingSpec& spec) { spec.set_orthogonality(0); }});
  return rows;
}

const char* Precision(const Row& row) {
  return row.precision == v1::PRECISION_FLOAT64 ? "float64" : "float32";
}

absl::Status Measure(const Row& row, int repetitions) {
  TP_ASSIGN_OR_RETURN(v1::TrainingSpec training, PresetTraining(row.preset));
  training.set_precision(row.precision);
  if (row.change) row.change(training);
  TP_RETURN_IF_ERROR(spec::Complete(training));
  const DataShape shape = *KnownShape(training.dataset());
  const int64_t samples = shape.train_samples - training.dataset().validation();
  TP_ASSIGN_OR_RETURN(const TrainingSpeed speed,
                      MeasureTraining(training, shape, /*is_classification=*/true, row.batches,
                                      repetitions, samples));
  absl::PrintF("%-38s %-8s %9.3g %9.3g %9.3g   %.2f (%.2f..%.2f)   %.2f\n", row.what,
               Precision(row), 2e-9 * speed.multiply_adds, speed.seconds, speed.limit_seconds,
               speed.ratio, speed.low_quartile, speed.high_quartile, row.bound);
  std::fflush(stdout);
  return absl::OkStatus();
}

int Main(int repetitions, absl::string_view begin) {
  absl::PrintF("one core, %s kernels: %.1f GFLOP/s float32, %.1f float64; copies %.1f GB/s\n\n",
               trainer::KernelSetName(), 2e-9 * MeasureMultiplyAdds<float>(),
               2e-9 * MeasureMultiplyAdds<double>(), 1e-9 * MeasureCopyRate());
  absl::PrintF("%-38s %-8s %9s %9s %9s   %-18s   %s\n", "rule", "", "GFLOP", "seconds", "limit",
               "times the limit", "bound");
  bool is_any = false;
  for (const Row& row : Rows()) {
    if (!absl::StartsWith(absl::StrCat(row.what, " ", Precision(row)), begin)) continue;
    is_any = true;
    const absl::Status status = Measure(row, repetitions);
    if (status.ok()) continue;
    absl::FPrintF(stderr, "%s: %s\n", row.what, std::string(status.message()));
    return 1;
  }
  if (is_any) return 0;
  absl::FPrintF(stderr, "no row begins with %s; legal are those of docs/benchmarks.md\n",
                std::string(begin));
  return 2;
}

}  // namespace
}  // namespace tpsweep

int main(int argc, char** argv) {
  return tpsweep::Main(argc > 1 ? std::atoi(argv[1]) : 10, argc > 2 ? argv[2] : "");
}
