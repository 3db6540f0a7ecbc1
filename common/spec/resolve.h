// From the text of a field path to the descriptors it names (see field_path.h).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace tpsweep::spec {

// Where a path leads: down through message fields, and elements of lists of
// messages, to a field or a oneof.
struct ResolvedPath {
  struct Step {
    const google::protobuf::FieldDescriptor* field;
    int index;  // the element of a list; -1: the field is none
  };
  std::vector<Step> through;
  // One of the two is set.
  const google::protobuf::FieldDescriptor* field = nullptr;
  const google::protobuf::OneofDescriptor* oneof = nullptr;
  // The element of a list; -1: the whole field.
  int index = -1;

  // The oneofs on the way and the member each must have: training.rule = dtp.
  struct Choice {
    std::string path;
    std::string member;
  };
  std::vector<Choice> choices;
};

// kNotFound says where the path breaks and what is there.
absl::StatusOr<ResolvedPath> ResolvePath(const google::protobuf::Descriptor& root,
                                         absl::string_view path);

// The message that holds the field; null if one on the way is not set.
const google::protobuf::Message* FindHolder(const google::protobuf::Message& root,
                                            const ResolvedPath& path);

// Makes the field unset again, if it is set; a list, with all its elements.
void ClearField(google::protobuf::Message& root, const ResolvedPath& path);

// The same path with every index 0: training.network.layers[0].conv.channels.
std::string WithFirstElements(absl::string_view path);

}  // namespace tpsweep::spec
