#include "worker/bench_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"
#include "common/training/known_data.h"
#include "common/training/layer_shapes.h"
#include "worker/bench/machine.h"
#include "worker/bench/training_speed.h"
#include "worker/preset_training.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/learning_rule.h"

namespace tpsweep {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxSpecBytes = 1 << 20;
// Mini-batches of a repetition.
constexpr int64_t kBatches = 50;

// What is measured, and the epoch that it stands for.
struct Case {
  v1::TrainingSpec spec;
  DataShape shape;
  bool is_classification = true;
  int64_t epoch_samples = 0;
};

absl::StatusOr<Case> CaseOf(v1::TrainingSpec spec, trainer::DataSetCache& data) {
  Case result;
  result.is_classification = !IsRegression(spec.dataset());
  const std::optional<DataShape> known = KnownShape(spec.dataset());
  if (known.has_value()) {
    result.shape = *known;
  } else {
    TP_ASSIGN_OR_RETURN(const auto set, data.Get(spec.dataset()));
    result.shape = {set->shape, set->num_outputs, set->train.count(), set->test.count()};
    result.is_classification = set->is_classification;
  }
  result.epoch_samples = result.shape.train_samples - spec.dataset().validation();
  if (spec.dataset().train_samples() > 0) result.epoch_samples = spec.dataset().train_samples();
  result.spec = std::move(spec);
  return result;
}

absl::StatusOr<std::vector<Case>> Cases(const BenchOptions& options) {
  trainer::DataSetCache data(options.data_path);
  std::vector<v1::TrainingSpec> specs;
  if (!options.spec_path.empty()) {
    TP_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.spec_path, kMaxSpecBytes));
    TP_ASSIGN_OR_RETURN(specs.emplace_back(),
                        spec::ParseAndCompleteTraining(text, options.spec_path));
  } else {
    for (const char* preset :
         {"fashion_mnist_BP", "fashion_mnist_DTP", "fashion_mnist_DDTPlinear"}) {
      TP_ASSIGN_OR_RETURN(const v1::TrainingSpec training, PresetTraining(preset));
      for (const v1::Precision precision : {v1::PRECISION_FLOAT32, v1::PRECISION_FLOAT64}) {
        specs.push_back(training);
        specs.back().set_precision(precision);
        TP_RETURN_IF_ERROR(spec::Complete(specs.back()));
      }
    }
  }
  std::vector<Case> cases;
  for (v1::TrainingSpec& spec : specs) {
    // The limit is that of one core; a number of threads that changes has none.
    if (options.threads > 0 || spec.threads_per_run() == 0) {
      spec.set_threads_per_run(std::max(1, options.threads));
    }
    TP_ASSIGN_OR_RETURN(cases.emplace_back(), CaseOf(std::move(spec), data));
  }
  return cases;
}

// 784-256-256-10.
absl::StatusOr<std::string> NetworkOf(const Case& c) {
  const int64_t outputs =
      c.spec.dataset().targets() == v1::TARGETS_INPUTS ? c.shape.input.size() : c.shape.num_outputs;
  TP_ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                      InferShapes(c.spec.network(), c.shape.input, outputs));
  std::vector<int64_t> sizes;
  for (const LayerShape& shape : shapes) sizes.push_back(shape.size());
  return absl::StrJoin(sizes, "-");
}

absl::Status Bench(const BenchOptions& options) {
  TP_ASSIGN_OR_RETURN(const std::vector<Case> cases, Cases(options));
  const double float32 = 2e-9 * MeasureMultiplyAdds<float>();
  const double float64 = 2e-9 * MeasureMultiplyAdds<double>();
  const double copy = 1e-9 * MeasureCopyRate();
  const bool is_table = options.output == BenchOptions::Output::kTable;
  Json runs = Json::array();
  if (is_table) {
    absl::PrintF("one core, %s kernels: %.1f GFLOP/s float32, %.1f float64; copies %.1f GB/s\n\n",
                 trainer::KernelSetName(), float32, float64, copy);
    absl::PrintF("%-14s %-9s %7s %12s %9s  %-16s %s\n", "rule", "precision", "threads",
                 "s an epoch", "limit, s", "times the limit", "network");
  }
  for (const Case& c : cases) {
    const std::string rule = trainer::RuleOf(c.spec).name;
    TP_ASSIGN_OR_RETURN(const std::string network, NetworkOf(c));
    const char* precision = c.spec.precision() == v1::PRECISION_FLOAT64 ? "float64" : "float32";
    TP_ASSIGN_OR_RETURN(const TrainingSpeed speed,
                        MeasureTraining(c.spec, c.shape, c.is_classification, kBatches,
                                        options.repetitions, c.epoch_samples));
    if (is_table) {
      absl::PrintF("%-14s %-9s %7d %12.4g %9.4g  %-16s %s\n", rule, precision,
                   c.spec.threads_per_run(), speed.seconds, speed.limit_seconds,
                   absl::StrFormat("%.2f (%.2f..%.2f)", speed.ratio, speed.low_quartile,
                                   speed.high_quartile),
                   network);
      std::fflush(stdout);
    }
    runs.push_back({{"rule", rule},
                    {"network", network},
                    {"precision", precision},
                    {"threads", c.spec.threads_per_run()},
                    {"batch_size", c.spec.batch_size()},
                    {"epoch_samples", c.epoch_samples},
                    {"seconds_per_epoch", speed.seconds},
                    {"multiply_adds_per_epoch", speed.multiply_adds},
                    {"limit_seconds", speed.limit_seconds},
                    {"ratio", speed.ratio},
                    {"ratio_quartiles", {speed.low_quartile, speed.high_quartile}}});
  }
  if (!is_table) {
    const Json report = {{"kernels", trainer::KernelSetName()},
                         {"gflops_float32", float32},
                         {"gflops_float64", float64},
                         {"copy_gb_per_second", copy},
                         {"runs", runs}};
    std::printf("%s\n", report.dump(2).c_str());
  }
  return absl::OkStatus();
}

}  // namespace

int RunBenchCommand(const BenchOptions& options) {
  const absl::Status status = Bench(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace tpsweep
