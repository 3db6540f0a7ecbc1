#include "common/spec/training_checks.h"

#include "common/spec/text.h"

namespace tpsweep::spec {
namespace {

constexpr char kStudentTeacher[] = "student-teacher";

void CheckData(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Dataset& dataset = spec.dataset();
  const bool is_named = dataset.name() == kStudentTeacher;
  if (is_named && !dataset.has_student_teacher()) {
    problems.Add(JoinPath(path, "dataset.name"), kStudentTeacher,
                 " is generated: say how, with student_teacher: {} beside the name for the "
                 "defaults");
  }
  if (!dataset.has_student_teacher()) return;
  if (!is_named) {
    problems.Add(JoinPath(path, "dataset.generator"), "student_teacher goes with the name ",
                 kStudentTeacher, ", not with ", Quoted(dataset.name()));
  }
  if (spec.loss() != v1::LOSS_MSE) {
    problems.Add(JoinPath(path, "loss"), EnumText(spec.loss()),
                 " is for classes, and student-teacher is a regression; legal: mse");
  }
  if (spec.hopeless().from_epoch() > 0) {
    problems.Add(JoinPath(path, "hopeless.from_epoch"), spec.hopeless().from_epoch(),
                 " judges train/error, which counts wrong classes, and student-teacher is a "
                 "regression; legal: 0");
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
  CheckInversion(spec, path, problems);
  CheckSchedule(spec.feedback_schedule(), JoinPath(path, "feedback_schedule"), problems);
  CheckMeasure(spec, path, problems);
}

}  // namespace tpsweep::spec
