// Defaults and checks of single fields, from the options in the .proto files,
// for any message.
#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "common/spec/problems.h"
#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"

namespace tpsweep::spec {

// Paths of fields that get their values later: those that a study searches.
class OpenPaths {
 public:
  void Add(absl::string_view path) { paths_.insert(std::string(path)); }
  // The field itself, or an element of it.
  bool Covers(const std::string& path) const;
  bool AnyElement(const std::string& path) const { return HasPrefix(path + "["); }
  // A field somewhere below `path`.
  bool AnyBelow(const std::string& path) const { return HasPrefix(path + "."); }

 private:
  bool HasPrefix(const std::string& prefix) const;
  std::set<std::string> paths_;
};

// Fills in the defaults of `message` (which stands at `path`) and of all below
// it, and checks every field against its rules. `open` fields stay as they are
// and need not be set.
void CompleteByRules(google::protobuf::Message& message, const std::string& path,
                     const OpenPaths& open, Problems& problems);

// Checks the value of one field.
void CheckField(const google::protobuf::Message& message,
                const google::protobuf::FieldDescriptor& field, const std::string& path,
                Problems& problems);

// A default as the options write it ("0.1", "[0.001]", "tanh") as a value.
google::protobuf::Value ParseDefault(absl::string_view text);

}  // namespace tpsweep::spec
