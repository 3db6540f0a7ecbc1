// Paths of spec fields: training.forward.lr, training.rule, training.rule.dtp.sigma,
// training.forward.lr[1]. A oneof counts as a field whose value is the name of
// the chosen member; its members are reached through it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"

namespace tpsweep::spec {

// Sets the field of `message` that `path` names. Numbers, text, booleans and
// lists of them are converted to the field's type (a scalar stands for a list of
// one); a oneof is set by the name of its member, and keeps that member's
// fields if it is the one already chosen.
//   kNotFound          no such field; the message says where the path breaks
//                      and what is there ("did you mean ...?")
//   kInvalidArgument   the value does not fit the field; says what is legal
absl::Status SetField(google::protobuf::Message& message, absl::string_view path,
                      const google::protobuf::Value& value);

// Whether the field is set in `message` (a oneof: whether a member is chosen).
absl::StatusOr<bool> HasField(const google::protobuf::Message& message, absl::string_view path);

// A value as a sweep file writes it: 0.001, tanh, [256, 256].
std::string ToText(const google::protobuf::Value& value);

}  // namespace tpsweep::spec
