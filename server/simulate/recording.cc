#include "server/simulate/recording.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
namespace {

// Reads what `runs` have measured, into the curve of each.
absl::Status ReadMeasurements(const Store& store, const std::string& study,
                              const std::string& metric, std::map<std::string, v1::Curve>& curves) {
  return ForEach<v1::MeasurementRecord>(
      [&](const PageRequest& page) {
        return store.ListMeasurements({study, false}, page);
      },
      [&](const v1::MeasurementRecord& record) -> absl::Status {
        TP_ASSIGN_OR_RETURN(const AttemptName attempt, ParseAttemptName(record.attempt()));
        const auto curve = curves.find(ToString(ParentOf(attempt)));
        const auto& scalars = record.measurement().scalars();
        const auto value = scalars.find(metric);
        if (curve == curves.end() || value == scalars.end()) return absl::OkStatus();
        if (!std::isfinite(value->second)) return absl::OkStatus();
        const auto seconds = scalars.find("seconds");
        // The sum, until the curve is whole.
        if (seconds != scalars.end()) {
          curve->second.set_epoch_seconds(curve->second.epoch_seconds() + seconds->second);
        }
        curve->second.add_objective(value->second);
        return absl::OkStatus();
      });
}

double SignOf(const v1::StudySpec& spec) {
  return spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1;
}

template <class... Part>
absl::Status Invalid(const std::string& file, const Part&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", parts...));
}

}  // namespace

absl::StatusOr<v1::Recording> Record(const Store& store, const std::string& study) {
  const std::string name = ToString(StudyName{study});
  v1::Recording recording;
  TP_ASSIGN_OR_RETURN(const v1::Study record, store.GetStudy(name));
  if (record.has_compaction()) {
    return absl::FailedPreconditionError(
        absl::StrCat("study '", study, "': its measurements have been thinned out to one epoch in ",
                     record.compaction().keep_every(), ", and a recording needs all of them"));
  }
  *recording.mutable_spec() = record.spec();
  TP_ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, TrialsOf(store, name));
  TP_ASSIGN_OR_RETURN(const std::vector<v1::Run> runs, RunsOf(store, name));

  std::map<std::string, v1::Curve> curves;
  for (const v1::Run& run : runs) {
    if (run.state() != v1::RUN_STATE_SUCCEEDED && run.state() != v1::RUN_STATE_INFEASIBLE) continue;
    v1::Curve& curve = curves[run.name()];
    curve.set_trial(run.trial());
    curve.set_replicate(run.replicate());
    *curve.mutable_parameters() = trials[static_cast<size_t>(run.trial())].parameters();
  }
  TP_RETURN_IF_ERROR(ReadMeasurements(store, name, record.spec().objective().metric(), curves));
  const int epochs = static_cast<int>(record.spec().training().epochs());
  for (const v1::Run& run : runs) {
    const auto found = curves.find(run.name());
    if (found == curves.end()) continue;
    v1::Curve& curve = found->second;
    // One that was extended, or lacks the objective in the middle, cannot be compared.
    const bool is_whole =
        curve.objective_size() == epochs ||
        (run.state() == v1::RUN_STATE_INFEASIBLE && curve.objective_size() < epochs);
    if (!is_whole) continue;
    curve.set_epoch_seconds(curve.epoch_seconds() / std::max(1, curve.objective_size()));
    *recording.add_curves() = std::move(curve);
  }
  if (recording.curves().empty()) {
    return absl::FailedPreconditionError(absl::StrCat("study '", study, "': none of its runs has '",
                                                      record.spec().objective().metric(),
                                                      "' after each of ", epochs, " epochs"));
  }
  return recording;
}

std::string ToText(const v1::Recording& recording) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  // Of a message of ours, without Any: cannot fail.
  (void)google::protobuf::util::MessageToJsonString(recording, &text, options);
  return absl::StrCat(text, "\n");
}

absl::StatusOr<v1::Recording> ParseRecording(const std::string& text, const std::string& file) {
  v1::Recording recording;
  const auto parsed = google::protobuf::util::JsonStringToMessage(text, &recording);
  if (!parsed.ok()) {
    return Invalid(file, "is not a recording: ", std::string(parsed.message()));
  }
  if (absl::Status legal = spec::Complete(*recording.mutable_spec()); !legal.ok()) {
    return Invalid(file, "spec: ", legal.message());
  }
  const int64_t epochs = recording.spec().training().epochs();
  if (recording.curves().empty()) return Invalid(file, "has no curves");
  if (epochs < 1) return Invalid(file, "spec: training.epochs: ", epochs, " is less than 1");
  for (const v1::Curve& curve : recording.curves()) {
    const std::string where = absl::StrCat("curves: trial ", curve.trial(), ": ");
    if (curve.objective_size() > epochs) {
      return Invalid(file, where, "objective has ", curve.objective_size(), " values, and ", epochs,
                     " epochs were trained");
    }
    for (const double value : curve.objective()) {
      if (!std::isfinite(value)) return Invalid(file, where, "objective: ", value, " is no number");
    }
    if (!(curve.epoch_seconds() >= 0) || std::isinf(curve.epoch_seconds())) {
      return Invalid(file, where, "epoch_seconds: ", curve.epoch_seconds(), " is not a time");
    }
  }
  return recording;
}

void TakeBestSoFar(v1::Recording& recording) {
  const double sign = SignOf(recording.spec());
  for (v1::Curve& curve : *recording.mutable_curves()) {
    double best = std::numeric_limits<double>::infinity();
    for (double& value : *curve.mutable_objective()) {
      best = std::min(best, sign * value);
      value = sign * best;
    }
  }
}

RecordedCurves::RecordedCurves(v1::Recording recording)
    : recording_(std::move(recording)), space_(recording_.spec()) {
  std::map<int64_t, size_t> places;
  for (const v1::Curve& curve : recording_.curves()) {
    const auto [place, is_new] = places.try_emplace(curve.trial(), trials_.size());
    if (is_new) trials_.push_back({space_.ToPoint(curve.parameters()), {}});
    trials_[place->second].replicates.push_back(&curve);
  }
}

int RecordedCurves::Nearest(const v1::Trial& trial) const {
  const Point wanted = space_.ToPoint(trial.parameters());
  int nearest = 0;
  double smallest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < size(); ++i) {
    const Point& point = this->trial(i).point;
    double distance = 0;
    for (int axis = 0; axis < space_.size(); ++axis) {
      const double a = point[static_cast<size_t>(axis)], b = wanted[static_cast<size_t>(axis)];
      if (IsAbsent(a) || IsAbsent(b)) {
        distance += IsAbsent(a) == IsAbsent(b) ? 0 : 1;
      } else if (space_.axis(axis).is_categorical()) {
        distance += a == b ? 0 : 1;
      } else {
        distance += (a - b) * (a - b);
      }
    }
    if (distance < smallest) {
      smallest = distance;
      nearest = i;
    }
  }
  return nearest;
}

double RecordedCurves::Objective(int i, int64_t replicate, int64_t epoch) const {
  const auto& replicates = trial(i).replicates;
  const v1::Curve& curve = *replicates[static_cast<size_t>(replicate) % replicates.size()];
  if (epoch > curve.objective_size()) return std::numeric_limits<double>::quiet_NaN();
  return curve.objective(static_cast<int>(epoch) - 1);
}

double RecordedCurves::EpochSeconds(int i) const {
  double sum = 0;
  for (const v1::Curve* curve : trial(i).replicates) sum += curve->epoch_seconds();
  const double mean = sum / static_cast<double>(trial(i).replicates.size());
  return mean > 0 ? mean : 1;  // nothing is known of one that diverged in its first epoch
}

double RecordedCurves::Final(int i) const {
  const auto epochs = static_cast<int>(spec().training().epochs());
  double sum = 0;
  int count = 0;
  for (const v1::Curve* curve : trial(i).replicates) {
    if (curve->objective_size() < epochs) continue;
    sum += SignOf(spec()) * curve->objective(epochs - 1);
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::infinity() : sum / count;
}

double RecordedCurves::Best() const {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < size(); ++i) best = std::min(best, Final(i));
  return best;
}

}  // namespace tpsweep::server
