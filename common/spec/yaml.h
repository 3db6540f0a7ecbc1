// Sweep files: YAML to spec messages, by protobuf reflection.
//
// Keys are the field names of the messages; enumerators are written in lower
// case without their prefix (ACTIVATION_LEAKY_RELU: leaky_relu). A oneof has a
// key of its own: `rule: bp` or `rule: {dtp: {sigma: 0.1}}`. A scalar stands for
// a list of one. `space` is a map from path to domain (docs/sweep_spec.md).
//
// Errors are kInvalidArgument: "sweep.yaml:7:5: training.epoch: no such field;
// did you mean 'epochs'? ...". One error per line if there are several.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/study.pb.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::spec {

// The spec written in `text`, not yet completed (validate.h); `file` is the name
// to use in messages. Values that are wrong only by their range are found by
// Complete; ParseStudyFile runs it too and adds line and column to its errors.
absl::StatusOr<v1::StudySpec> ParseStudySpec(absl::string_view text, absl::string_view file);
absl::StatusOr<v1::TrainingSpec> ParseTrainingSpec(absl::string_view text, absl::string_view file);

// Parse and Complete, with line and column on every error. A training file may
// be a bare TrainingSpec or have it under the key `training`.
absl::StatusOr<v1::StudySpec> ParseAndCompleteStudy(absl::string_view text, absl::string_view file);
absl::StatusOr<v1::TrainingSpec> ParseAndCompleteTraining(absl::string_view text,
                                                          absl::string_view file);

// The same, with changes made in between. What is wrong with a changed field is told
// of the place where the file has that field, or what is around it.
using SpecEdit = std::function<absl::Status(v1::StudySpec&)>;
absl::StatusOr<v1::StudySpec> ParseAndCompleteStudy(absl::string_view text, absl::string_view file,
                                                    const SpecEdit& edit);

// One value as a sweep file writes it: 0.001, tanh, [256, 256]. Maps are none.
absl::StatusOr<google::protobuf::Value> ParseValue(absl::string_view text, absl::string_view file);

// The message as a sweep file would write it.
std::string ToYaml(const google::protobuf::Message& message);

}  // namespace tpsweep::spec
