#include "common/spec/yaml_reader.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/spec/values.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using google::protobuf::Value;
using Kind = YamlNode::Kind;

std::string Described(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "has no value";
    case Kind::kScalar:
      return absl::StrCat("is ", Quoted(node.text));
    case Kind::kList:
      return "is a list";
    case Kind::kMap:
      return "is a map";
  }
  return "";
}

// The keys that a map for `message` may have.
std::vector<std::string> Keys(const Descriptor& message) {
  if (!IsKeyed(message)) return Names(message);
  // The path is the key of the whole; the members of its oneof stand directly.
  std::vector<std::string> keys;
  for (int i = 1; i < message.field_count(); ++i) keys.push_back(message.field(i)->name());
  return keys;
}

// Messages that may be written as a list.
bool IsList(const Descriptor& message) {
  return &message == v1::Interval::descriptor() || &message == v1::Choice::descriptor();
}

}  // namespace

void YamlReader::Read(const YamlNode& node, Message& message, const std::string& path) {
  places_.emplace(path, Place{node.line, node.column});
  const Descriptor& type = *message.GetDescriptor();
  if (node.kind == Kind::kNull) return;
  if (IsList(type) && node.kind == Kind::kList) return ReadAsList(node, message, path);
  if (const OneofDescriptor* choice = ChoiceOf(type)) {
    return ReadOneof(node, node, message, *choice, path);
  }
  if (node.kind != Kind::kMap) {
    if (type.field_count() == 0) {
      return Fail(node, path, Described(node), "; legal: {} (it has no fields)");
    }
    return Fail(node, path, Described(node), "; legal: a map with ",
                absl::StrJoin(Keys(type), ", "));
  }
  if (const FieldDescriptor* list = KeyedListOf(type)) {
    return ReadKeyed(node, message, *list, path);
  }
  std::map<std::string, int> seen;
  for (const auto& [key, value] : node.entries) {
    if (IsFull()) return;
    if (CheckKey(*key, path, seen)) ReadEntry(*key, *value, message, path);
  }
}

void YamlReader::ReadUnder(const std::string& key, const YamlNode& node, Message& message) {
  std::map<std::string, int> seen;
  for (const auto& [name, value] : node.entries) {
    if (IsFull()) return;
    if (!CheckKey(*name, "", seen)) continue;
    if (name->text == key) {
      Remember(key, *name);
      Read(*value, message, key);
    } else {
      Fail(*name, name->text, "no such field beside ", key,
           " (a sweep file is for submit and run)");
    }
  }
}

bool YamlReader::CheckKey(const YamlNode& key, const std::string& path,
                          std::map<std::string, int>& seen) {
  if (key.kind != Kind::kScalar) {
    Fail(key, path, "has a key that ", Described(key), "; a key is a word");
    return false;
  }
  const auto [earlier, is_new] = seen.emplace(key.text, key.line);
  if (!is_new) {
    Fail(key, JoinPath(path, absl::Utf8SafeCHexEscape(key.text)), "is there twice, first in line ",
         earlier->second);
  }
  return is_new;
}

void YamlReader::ReadEntry(const YamlNode& key, const YamlNode& value, Message& message,
                           const std::string& path) {
  const Descriptor& type = *message.GetDescriptor();
  const std::string at = JoinPath(path, absl::Utf8SafeCHexEscape(key.text));
  const std::vector<std::string> keys = Keys(type);
  if (const OneofDescriptor* oneof = FindOneof(type, key.text); oneof && !IsKeyed(type)) {
    Remember(at, value.kind == Kind::kScalar ? value : key);
    return ReadOneof(key, value, message, *oneof, at);
  }
  const FieldDescriptor* field = type.FindFieldByName(key.text);
  const OneofDescriptor* oneof = field == nullptr ? nullptr : field->real_containing_oneof();
  if (oneof == nullptr && std::find(keys.begin(), keys.end(), key.text) == keys.end()) {
    return Fail(key, at, "no such field", LegalNames(key.text, keys));
  }
  if (oneof == nullptr) return ReadField(key, value, message, *field, at);
  // A member written without its oneof: `adam: {beta1: 0.9}` for `algorithm: {adam: ...}`.
  const FieldDescriptor* chosen = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (chosen != nullptr) {
    return Fail(key, at, "cannot be chosen beside ", chosen->name(), "; legal: one of ",
                absl::StrJoin(Names(*oneof), ", "));
  }
  const std::string parent = IsKeyed(type) ? path : JoinPath(path, oneof->name());
  ReadField(key, value, message, *field, JoinPath(parent, key.text));
}

void YamlReader::ReadOneof(const YamlNode& key, const YamlNode& node, Message& message,
                           const OneofDescriptor& oneof, const std::string& path) {
  const std::string legal = absl::StrJoin(Names(oneof), ", ");
  const bool is_word = node.kind == Kind::kScalar;
  if (node.kind == Kind::kMap && node.entries.empty()) return;
  if (!is_word && (node.kind != Kind::kMap || node.entries.size() != 1)) {
    return Fail(node.kind == Kind::kNull ? key : node, path,
                node.kind == Kind::kMap ? "has several keys" : Described(node), "; legal: one of ",
                legal);
  }
  const YamlNode& name = is_word ? node : *node.entries[0].first;
  const FieldDescriptor* member =
      name.kind == Kind::kScalar ? FindMember(oneof, name.text) : nullptr;
  if (member == nullptr) {
    return Fail(name, path, name.kind == Kind::kScalar ? Quoted(name.text) : "that", " is unknown",
                LegalNames(name.text, Names(oneof)));
  }
  const Reflection& reflection = *message.GetReflection();
  if (const FieldDescriptor* chosen = reflection.GetOneofFieldDescriptor(message, &oneof)) {
    return Fail(name, path, "is already ", chosen->name());
  }
  Message& chosen = *reflection.MutableMessage(&message, member);
  const std::string member_path = JoinPath(path, member->name());
  Remember(member_path, name);
  if (!is_word) Read(*node.entries[0].second, chosen, member_path);
}

void YamlReader::ReadField(const YamlNode& key, const YamlNode& value, Message& message,
                           const FieldDescriptor& field, const std::string& path) {
  Remember(path, value.kind == Kind::kScalar ? value : key);
  if (IsMessageList(field)) return ReadMessages(key, value, message, field, path);
  const Reflection& reflection = *message.GetReflection();
  if (IsAnyValue(field)) {
    Value read;
    if (ToValue(value, path, read)) reflection.MutableMessage(&message, &field)->CopyFrom(read);
    return;
  }
  const bool is_value_list =
      field.is_repeated() && field.message_type() != nullptr && !IsKeyed(*field.message_type());
  if (field.message_type() != nullptr && !is_value_list) {
    if (field.is_repeated()) return ReadKeyed(value, message, field, path);
    return Read(value, *reflection.MutableMessage(&message, &field), path);
  }
  if (value.kind == Kind::kNull) {
    return Fail(key, path, "has no value; legal: ", LegalText(field));
  }
  if (value.kind == Kind::kMap) {
    return Fail(value, path, "is a map; legal: ", LegalText(field));
  }
  if (!field.is_repeated() || value.kind == Kind::kScalar) {
    return ReadElement(value, message, field, field.is_repeated() ? 0 : -1, path);
  }
  int index = 0;
  for (const YamlNodePtr& item : value.items) {
    if (IsFull()) return;
    const std::string at = absl::StrCat(path, "[", index, "]");
    Remember(at, *item);
    ReadElement(*item, message, field, index++, at);
  }
}

void YamlReader::ReadElement(const YamlNode& node, Message& message, const FieldDescriptor& field,
                             int index, const std::string& path) {
  Value value;
  if (field.message_type() != nullptr) {
    if (ToValue(node, path, value)) {
      Message* added = message.GetReflection()->AddMessage(&message, &field);
      added->CopyFrom(value);
    }
    return;
  }
  if (node.kind == Kind::kScalar && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    value.set_string_value(node.text);
  } else if (!ToValue(node, path, value)) {
    return;
  }
  // After an element that was wrong the next one takes its place.
  const int size = index < 0 ? 0 : message.GetReflection()->FieldSize(message, &field);
  const absl::Status status = index < 0 ? SetValue(message, field, value)
                                        : SetElement(message, field, std::min(index, size), value);
  if (!status.ok()) Fail(node, path, status.message());
}

void YamlReader::ReadMessages(const YamlNode& key, const YamlNode& node, Message& message,
                              const FieldDescriptor& field, const std::string& path) {
  if (node.kind != Kind::kList) {
    return Fail(node.kind == Kind::kNull ? key : node, path, Described(node),
                "; legal: ", LegalText(field));
  }
  for (size_t i = 0; i < node.items.size() && !IsFull(); ++i) {
    const std::string at = absl::StrCat(path, "[", i, "]");
    Read(*node.items[i], *message.GetReflection()->AddMessage(&message, &field), at);
  }
}

void YamlReader::ReadAsList(const YamlNode& node, Message& message, const std::string& path) {
  const Descriptor& type = *message.GetDescriptor();
  const FieldDescriptor* first = type.field(0);
  if (first->is_repeated()) {
    for (const YamlNodePtr& item : node.items) ReadElement(*item, message, *first, 0, path);
    return;
  }
  if (static_cast<int>(node.items.size()) != type.field_count()) {
    return Fail(node, path, "has ", node.items.size(), " elements; legal: ", "[low, high]");
  }
  for (int i = 0; i < type.field_count(); ++i) {
    ReadElement(*node.items[static_cast<size_t>(i)], message, *type.field(i), -1, path);
  }
}

void YamlReader::ReadKeyed(const YamlNode& node, Message& message, const FieldDescriptor& field,
                           const std::string& path) {
  if (node.kind == Kind::kNull) return;
  if (node.kind != Kind::kMap) {
    return Fail(node, path, Described(node),
                "; legal: a map from the path of a field, such as "
                "training.forward.lr");
  }
  std::map<std::string, int> seen;
  for (const auto& [key, value] : node.entries) {
    if (IsFull()) return;
    if (!CheckKey(*key, path, seen)) continue;
    const std::string at = JoinPath(path, absl::Utf8SafeCHexEscape(key->text));
    Remember(at, *key);
    Message& element = *message.GetReflection()->AddMessage(&message, &field);
    const Descriptor& type = *element.GetDescriptor();
    element.GetReflection()->SetString(&element, type.field(0), key->text);
    if (type.field_count() == 2) {  // nothing but the path and what belongs to it
      ReadField(*key, *value, element, *type.field(1), at);
    } else {
      Read(*value, element, at);
    }
  }
}

bool YamlReader::ToValue(const YamlNode& node, const std::string& path, Value& value) {
  switch (node.kind) {
    case Kind::kNull:
      value.set_null_value(google::protobuf::NULL_VALUE);
      return true;
    case Kind::kScalar:
      if (node.is_quoted) {
        value.set_string_value(node.text);
      } else {
        value = ParsePlain(node.text);
      }
      return true;
    case Kind::kList: {
      auto& list = *value.mutable_list_value();
      return std::all_of(node.items.begin(), node.items.end(), [&](const YamlNodePtr& item) {
        return ToValue(*item, path, *list.add_values());
      });
    }
    case Kind::kMap:
      Fail(node, path, "is a map; legal: a number, a word, true, false, or a list of such");
      return false;
  }
  return false;
}

void YamlReader::FailAt(const Place& place, const Problem& problem) {
  errors_.emplace_back(place, problem.ToString());
}

void YamlReader::Add(const Problem& problem) {
  std::string path = problem.path;
  while (places_.count(path) == 0 && !path.empty()) {
    const size_t cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
  const auto found = places_.find(path);
  FailAt(found == places_.end() ? Place{1, 1} : found->second, problem);
}

absl::Status YamlReader::ToStatus() const {
  auto errors = errors_;
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> lines;
  lines.reserve(errors.size());
  for (const auto& [place, text] : errors) {
    lines.push_back(absl::StrCat(file_, ":", place.first, ":", place.second, ": ", text));
  }
  return Problems::ToStatus(lines);
}

}  // namespace tpsweep::spec
