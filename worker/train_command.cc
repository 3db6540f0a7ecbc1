#include "worker/train_command.h"

#include <signal.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep {
namespace {

using Json = nlohmann::ordered_json;
using trainer::TrainingRun;

constexpr int kDone = 0;
constexpr int kError = 1;
constexpr int kInfeasible = 3;
constexpr int kStopped = 4;

constexpr int64_t kMaxSpecBytes = 1 << 20;

std::atomic<bool> interrupted = false;  // lock-free: a signal handler may set it

// SIGINT and SIGTERM set `interrupted` for as long as this lives.
class InterruptScope {
 public:
  InterruptScope() {
    interrupted = false;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~InterruptScope() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

void PrintError(const absl::Status& status) {
  const std::string message(status.message());
  std::fprintf(stderr, "%s\n", message.c_str());
}

// The metrics of the table, those that a rule or spec lacks shown as "-".
constexpr const char* kColumns[] = {"train/loss",       "train/error", "validation/loss",
                                    "validation/error", "test/error",  "feedback/loss",
                                    "seconds"};

void PrintTableHead() {
  absl::PrintF("%6s %9s", "epoch", "step");
  for (const char* column : kColumns) absl::PrintF(" %16s", column);
  absl::PrintF("\n");
  std::fflush(stdout);
}

void PrintTableLine(const v1::Measurement& measurement) {
  absl::PrintF("%6d %9d", measurement.epoch(), measurement.step());
  for (const char* column : kColumns) {
    const auto found = measurement.scalars().find(column);
    if (found == measurement.scalars().end()) {
      absl::PrintF(" %16s", "-");
    } else {
      absl::PrintF(" %16.6g", found->second);
    }
  }
  absl::PrintF("\n");
  std::fflush(stdout);
}

Json ToJson(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// The values of every metric, by name; a vector is a list.
std::map<std::string, Json> MetricsOf(const v1::Measurement& measurement) {
  std::map<std::string, Json> metrics;
  for (const auto& [name, value] : measurement.scalars()) metrics[name] = ToJson(value);
  for (const auto& [name, vector] : measurement.vectors()) {
    Json list = Json::array();
    for (const double value : vector.values()) list.push_back(ToJson(value));
    metrics[name] = std::move(list);
  }
  return metrics;
}

// {name: [one value a measurement]}; null where one lacks what others have.
std::map<std::string, Json> HistoryOf(const std::vector<v1::Measurement>& measurements) {
  std::map<std::string, Json> history;
  for (size_t i = 0; i < measurements.size(); ++i) {
    for (auto& [name, value] : MetricsOf(measurements[i])) {
      const std::vector<Json> none(measurements.size());
      history.try_emplace(name, none).first->second[i] = value;
    }
  }
  return history;
}

// What a run has reported.
struct Measurements {
  std::vector<v1::Measurement> epochs;
  std::vector<v1::Measurement> steps;  // of single mini-batches

  void Add(const v1::Measurement& measurement) {
    (IsOfStep(measurement) ? steps : epochs).push_back(measurement);
  }
  static bool IsOfStep(const v1::Measurement& measurement) { return measurement.scalars().empty(); }
};

Json ToJson(const v1::TrainingSpec& spec, const std::string& provenance, const char* state,
            const std::string& message, const Measurements& measurements) {
  Json metrics = Json::object();
  for (const v1::Measurement& epoch : measurements.epochs) {
    for (auto& [name, value] : MetricsOf(epoch)) metrics[name] = value;
  }
  Json document = {{"version", 1},
                   {"state", state},
                   {"message", message},
                   {"seed", spec.seed()},
                   {"data", provenance},
                   {"metrics", metrics},
                   {"history", HistoryOf(measurements.epochs)}};
  if (measurements.steps.empty()) return document;
  Json steps = {{"step", Json::array()}, {"epoch", Json::array()}};
  for (const v1::Measurement& measurement : measurements.steps) {
    steps["step"].push_back(measurement.step());
    steps["epoch"].push_back(measurement.epoch());
  }
  for (auto& [name, values] : HistoryOf(measurements.steps)) steps[name] = std::move(values);
  document["measurements"] = steps;
  return document;
}

struct Ending {
  const char* state;
  int exit_status;
};
Ending EndingOf(TrainingRun::End end) {
  switch (end) {
    case TrainingRun::End::kCompleted:
      return {"SUCCEEDED", kDone};
    case TrainingRun::End::kStopped:
      return {"STOPPED", kStopped};
    case TrainingRun::End::kInfeasible:
      break;
  }
  return {"INFEASIBLE", kInfeasible};
}

absl::StatusOr<v1::TrainingSpec> ReadSpec(const TrainOptions& options) {
  TP_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.spec_path, kMaxSpecBytes));
  TP_ASSIGN_OR_RETURN(v1::TrainingSpec spec,
                      spec::ParseAndCompleteTraining(text, options.spec_path));
  if (options.threads > 0) spec.set_threads_per_run(options.threads);
  return spec;
}

absl::Status Resume(TrainingRun& run, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  TP_ASSIGN_OR_RETURN(const std::string checkpoint, ReadFile(path));
  const absl::Status status = run.Restore(checkpoint);
  return status.ok() ? status
                     : absl::Status(status.code(), path + ": " + std::string(status.message()));
}

absl::StatusOr<int> TrainOnce(const TrainOptions& options) {
  TP_ASSIGN_OR_RETURN(const v1::TrainingSpec spec, ReadSpec(options));
  trainer::DataSetCache data(options.data_path);
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run, TrainingRun::Create(spec, data));
  TP_RETURN_IF_ERROR(Resume(*run, options.resume_path));
  std::string provenance;
  if (spec.epochs() > 0) {
    TP_ASSIGN_OR_RETURN(const auto set, data.Get(spec.dataset()));
    provenance = set->provenance;
  }

  const bool is_table = options.output == TrainOptions::Output::kTable;
  if (is_table && !provenance.empty()) {
    std::fprintf(stderr, "%s: %s\n", spec.dataset().name().c_str(), provenance.c_str());
  }
  if (is_table) PrintTableHead();

  Measurements measurements;
  absl::Status saved;
  const auto save = [&] {
    if (options.checkpoint_path.empty()) return;
    saved = WriteFileAtomically(options.checkpoint_path, run->Checkpoint());
    if (!saved.ok()) PrintError(saved);
  };
  TrainingRun::Result result;
  {
    const InterruptScope interrupts;
    result = run->Train(
        [&](const v1::Measurement& measurement) {
          if (is_table && !Measurements::IsOfStep(measurement)) PrintTableLine(measurement);
          measurements.Add(measurement);
        },
        [] { return interrupted.load(); }, save);
    if (result.end == TrainingRun::End::kStopped) save();
  }
  const Ending ending = EndingOf(result.end);
  if (!is_table) {
    const std::string text = ToJson(spec, provenance, ending.state, result.message, measurements)
                                 .dump(2, ' ', false, Json::error_handler_t::replace);
    std::printf("%s\n", text.c_str());
  } else if (!result.message.empty()) {
    std::fprintf(stderr, "%s: %s\n", ending.state, result.message.c_str());
  }
  return saved.ok() ? ending.exit_status : kError;
}

}  // namespace

int RunTrainCommand(const TrainOptions& options) {
  const absl::StatusOr<int> exit_status = TrainOnce(options);
  if (exit_status.ok()) return *exit_status;
  PrintError(exit_status.status());
  return kError;
}

}  // namespace tpsweep
