// Fills spec messages from a YAML tree, and remembers where each field stood.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/spec/problems.h"
#include "common/spec/yaml_tree.h"
#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"

namespace tpsweep::spec {

class YamlReader {
 public:
  explicit YamlReader(absl::string_view file) : file_(file) {}

  // Reads `node` into `message`, which stands at `path`. What is wrong is
  // remembered, and the reading goes on.
  void Read(const YamlNode& node, google::protobuf::Message& message, const std::string& path);

  // As if the file were a map with the one legal key `key`, whose value is read.
  void ReadUnder(const std::string& key, const YamlNode& node, google::protobuf::Message& message);

  // Reads a value of any type but a map; false if there is an error.
  bool ToValue(const YamlNode& node, const std::string& path, google::protobuf::Value& value);

  bool ok() const { return errors_.empty(); }

  // Adds what a later check found, at the place of the field or what is around it.
  void Add(const Problem& problem);

  // One line an error, in the order of the file.
  absl::Status ToStatus() const;

 private:
  using Place = std::pair<int, int>;  // line, column

  void ReadEntry(const YamlNode& key, const YamlNode& value, google::protobuf::Message& message,
                 const std::string& path);
  void ReadOneof(const YamlNode& key, const YamlNode& node, google::protobuf::Message& message,
                 const google::protobuf::OneofDescriptor& oneof, const std::string& path);
  void ReadField(const YamlNode& key, const YamlNode& value, google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field, const std::string& path);
  void ReadKeyed(const YamlNode& node, google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field, const std::string& path);
  void ReadMessages(const YamlNode& key, const YamlNode& node, google::protobuf::Message& message,
                    const google::protobuf::FieldDescriptor& field, const std::string& path);
  void ReadAsList(const YamlNode& node, google::protobuf::Message& message,
                  const std::string& path);
  void ReadElement(const YamlNode& node, google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field, int index,
                   const std::string& path);
  // Keys that were seen before in the same map are reported; false for those.
  bool CheckKey(const YamlNode& key, const std::string& path, std::map<std::string, int>& seen);

  template <class... Pieces>
  void Fail(const YamlNode& at, const std::string& path, const Pieces&... message) {
    FailAt({at.line, at.column}, {path, absl::StrCat(message...)});
  }
  // After so many errors the rest of a file is not read.
  bool IsFull() const { return errors_.size() >= 1000; }
  void FailAt(const Place& place, const Problem& problem);
  void Remember(const std::string& path, const YamlNode& node) {
    places_[path] = {node.line, node.column};
  }

  const absl::string_view file_;
  std::map<std::string, Place> places_;
  std::vector<std::pair<Place, std::string>> errors_;
};

}  // namespace tpsweep::spec
