#include "client/study_json.h"

#include <string>

#include "client/values.h"
#include "google/protobuf/util/json_util.h"

namespace tpsweep::client {

Json StudyJson(const v1::Study& study) {
  Json expected;
  if (study.expected_runs() >= 0) expected = study.expected_runs();
  return {{"study", BareName(study.name())},
          {"state", StateText(study.state())},
          {"expected_runs", expected},
          {"runs", CountsJson(study.runs())},
          {"waiting_reason", study.waiting_reason()},
          {"create_time", TimeJson(study.create_time())},
          {"end_time", TimeJson(study.end_time())}};
}

Json SpecJson(const v1::StudySpec& spec) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(spec, &text, options).ok()) return nullptr;
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Json CountsJson(const v1::RunCounts& counts) {
  return {{"queued", counts.queued()},   {"running", counts.running()},
          {"paused", counts.paused()},   {"succeeded", counts.succeeded()},
          {"stopped", counts.stopped()}, {"infeasible", counts.infeasible()},
          {"failed", counts.failed()},   {"cancelled", counts.cancelled()}};
}

}  // namespace tpsweep::client
