#include "server/store/store_rules.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace tpsweep::server {

absl::Status NoSuch(const StudyName& name) {
  return absl::NotFoundError(absl::StrCat(ToString(name), ": no such study"));
}
absl::Status NoSuch(const TrialName& name) {
  return absl::NotFoundError(absl::StrCat(ToString(name), ": no such trial"));
}
absl::Status NoSuch(const RunName& name) {
  return absl::NotFoundError(absl::StrCat(ToString(name), ": no such run"));
}
absl::Status NoSuch(const AttemptName& name) {
  return absl::NotFoundError(absl::StrCat(ToString(name), ": no such attempt"));
}

absl::Status CheckSequence(const v1::MeasurementRecord& record) {
  if (record.measurement().sequence() >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(record.attempt(), ": measurement with sequence ",
                                                 record.measurement().sequence(),
                                                 "; they are counted from 1"));
}

absl::Status CheckRevision(const v1::Event& event, int64_t last) {
  if (event.revision() > last) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("event ", event.type(), " of ", event.resource(),
                                                 " has revision ", event.revision(),
                                                 ", which is not above the last one, ", last));
}

std::string StudyOfEvent(const v1::Event& event) {
  absl::StatusOr<ResourceName> name = ParseResourceName(event.resource());
  return name.ok() ? std::move(name->study) : std::string();
}

}  // namespace tpsweep::server
