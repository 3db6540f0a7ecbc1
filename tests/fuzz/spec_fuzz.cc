// Any bytes as a sweep file, as a training file and as a message from the network
// are refused with a message or make a spec that is legal once and for all: it
// stays the same when it is completed again, or written and read back.
#include <string>

#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/fuzz/property.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::util::MessageDifferencer;

bool IsRefusal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument && !status.message().empty();
}

std::string Written(const v1::StudySpec& spec) {
  const std::string text = ToYaml(spec);
  return text.empty() ? "{}" : text;
}

void CheckReadsBack(const v1::StudySpec& spec) {
  const auto again = ParseStudySpec(Written(spec), "written");
  TP_PROPERTY(again.ok());
  TP_PROPERTY(MessageDifferencer::Equals(*again, spec));
}

void CheckComplete(v1::StudySpec spec) {
  const absl::Status status = Complete(spec);
  if (!status.ok()) {
    TP_PROPERTY(IsRefusal(status));
    return;
  }
  v1::StudySpec again = spec;
  TP_PROPERTY(Complete(again).ok());
  TP_PROPERTY(MessageDifferencer::Equals(again, spec));
  CheckReadsBack(spec);
}

void Check(absl::string_view bytes) {
  if (const auto spec = ParseStudySpec(bytes, "file"); spec.ok()) {
    CheckReadsBack(*spec);
    CheckComplete(*spec);
  } else {
    TP_PROPERTY(IsRefusal(spec.status()));
  }
  if (auto training = ParseAndCompleteTraining(bytes, "file"); training.ok()) {
    const v1::TrainingSpec before = *training;
    TP_PROPERTY(Complete(*training).ok());
    TP_PROPERTY(MessageDifferencer::Equals(before, *training));
  } else {
    TP_PROPERTY(IsRefusal(training.status()));
  }
  v1::StudySpec message;
  const google::protobuf::LogSilencer silence;  // about text that is not UTF-8
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) CheckComplete(message);
}

}  // namespace
}  // namespace tpsweep::spec

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::spec::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
