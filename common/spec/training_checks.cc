#include "common/spec/training_checks.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/spec/text.h"
#include "common/training/known_data.h"

namespace tpsweep::spec {
namespace {

// Of a known set; the worker checks every other when it has read it.
void CheckSampleCounts(const v1::Dataset& dataset, const std::string& path, Problems& problems) {
  const std::optional<DataShape> known = KnownShape(dataset);
  if (!known) return;
  const auto check = [&](absl::string_view field, int64_t value, int64_t most,
                         absl::string_view of_what) {
    if (value <= most) return;
    problems.Add(JoinPath(path, field), value, " of the ", of_what, " of ", dataset.name(),
                 "; legal: 0 to ", most);
  };
  const int64_t train = known->train_samples;
  const std::string train_text = absl::StrCat(train, " training samples");
  check("validation", dataset.validation(), train - 1, train_text);
  if (dataset.validation() < train) {
    check("train_samples", dataset.train_samples(), train - dataset.validation(),
          dataset.validation() == 0
              ? train_text
              : absl::StrCat(train_text, ", ", dataset.validation(), " of them for validation,"));
  }
  check("test_samples", dataset.test_samples(), known->test_samples,
        absl::StrCat(known->test_samples, " test samples"));
}

void CheckData(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Dataset& dataset = spec.dataset();
  const std::string generator = GeneratorField(dataset);
  const std::string generated_name = absl::StrReplaceAll(generator, {{"_", "-"}});
  if (generator.empty() && IsGenerated(dataset.name())) {
    problems.Add(JoinPath(path, "dataset.name"), dataset.name(), " is generated: say how, with ",
                 absl::StrReplaceAll(dataset.name(), {{"-", "_"}}),
                 ": {} beside the name for the defaults");
  }
  if (dataset.name() != generated_name && !generator.empty()) {
    problems.Add(JoinPath(path, "dataset.generator"), generator, " goes with the name ",
                 generated_name, ", not with ", Quoted(dataset.name()));
  }
  CheckSampleCounts(dataset, JoinPath(path, "dataset"), problems);
  if (!IsRegression(dataset)) return;
  const std::string task = RegressionText(dataset);
  if (spec.loss() == v1::LOSS_CROSS_ENTROPY) {
    problems.Add(JoinPath(path, "loss"), EnumText(spec.loss()), " is for classes, and ", task,
                 "; legal: mse, half_squares");
  }
  if (spec.hopeless().from_epoch() > 0) {
    problems.Add(JoinPath(path, "hopeless.from_epoch"), spec.hopeless().from_epoch(),
                 " judges train/error, which counts wrong classes, and ", task, "; legal: 0");
  }
}

void CheckSchedule(const v1::FeedbackSchedule& schedule, const std::string& path,
                   Problems& problems) {
  if (!schedule.separate() || schedule.extra_minibatches() == 0) return;
  problems.Add(JoinPath(path, "extra_minibatches"), schedule.extra_minibatches(),
               " does not go with separate: true, in which the feedback does not learn within a "
               "mini-batch; legal: 0");
}

}  // namespace

std::string RegressionText(const v1::Dataset& dataset) {
  return dataset.targets() == v1::TARGETS_INPUTS ? "dataset.targets: inputs makes it a regression"
                                                 : absl::StrCat(dataset.name(), " is a regression");
}

void AddStatus(const absl::Status& status, const std::string& path, Problems& problems) {
  if (status.ok()) return;
  const absl::string_view message = status.message();
  const size_t colon = message.find(": ");
  problems.Add(JoinPath(path, message.substr(0, colon)), message.substr(colon + 2));
}

void CheckTraining(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  CheckData(spec, path, problems);
  CheckNetwork(spec, path, problems);
  CheckLayerLists(spec, path, problems);
  CheckRule(spec, path, problems);
  CheckInverses(spec, path, problems);
  CheckInversion(spec, path, problems);
  CheckSchedule(spec.feedback_schedule(), JoinPath(path, "feedback_schedule"), problems);
  CheckMeasure(spec, path, problems);
}

}  // namespace tpsweep::spec
