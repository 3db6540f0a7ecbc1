// Values of any type (google.protobuf.Value) in and out of the fields of messages.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"

namespace tpsweep::spec {

// Sets a field that is not a message, or a list of such; a scalar stands for a
// list of one. kInvalidArgument, without the path, if the value does not fit the
// type; ranges are not looked at, but no number that is not finite gets in.
absl::Status SetValue(google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field,
                      const google::protobuf::Value& value);

// Sets element `index` of a list, or appends it if that is the list's size.
absl::Status SetElement(google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field, int index,
                        const google::protobuf::Value& value);

// For an index beyond the end of a list of `size` elements.
absl::Status GapError(int size, int index);

// The field as a value; a list as a list.
google::protobuf::Value GetValue(const google::protobuf::Message& message,
                                 const google::protobuf::FieldDescriptor& field);

// Element `index` of a list, or the whole of a field that is none (index -1).
google::protobuf::Value GetElement(const google::protobuf::Message& message,
                                   const google::protobuf::FieldDescriptor& field, int index);

// "is text", "is a list": for messages about values of the wrong type.
absl::string_view KindText(const google::protobuf::Value& value);

}  // namespace tpsweep::spec
