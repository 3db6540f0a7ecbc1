#include "common/spec/resolve.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr size_t kLongestPath = 300;

absl::Status NoSuchField(const std::string& at, absl::string_view name, const Descriptor& holder) {
  // A member named without its oneof, as the .proto reads.
  const FieldDescriptor* member = holder.FindFieldByName(std::string(name));
  if (member != nullptr && member->real_containing_oneof() != nullptr) {
    return absl::NotFoundError(absl::StrCat(at, ": no such field; did you mean '",
                                            member->real_containing_oneof()->name(), ".", name,
                                            "'?"));
  }
  return absl::NotFoundError(absl::StrCat(at, ": no such field", LegalNames(name, Names(holder))));
}

// "lr[1]" is lr and 1; -1 without brackets.
absl::StatusOr<int> TakeIndex(absl::string_view& name, absl::string_view path) {
  const size_t bracket = name.find('[');
  if (bracket == absl::string_view::npos) return -1;
  absl::string_view digits = name.substr(bracket + 1);
  int index = -1;
  // Only one spelling: not [01], [+1] or [ 1].
  const bool is_index = absl::ConsumeSuffix(&digits, "]") && absl::SimpleAtoi(digits, &index) &&
                        index >= 0 && absl::StrCat(index) == digits;
  if (!is_index) {
    return absl::NotFoundError(
        absl::StrCat(Quoted(path), ": an element of a list is written lr[0], counted from 0"));
  }
  name = name.substr(0, bracket);
  return index;
}

bool IsThere(const Message& holder, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *holder.GetReflection();
  return index < 0 ? reflection.HasField(holder, &field)
                   : index < reflection.FieldSize(holder, &field);
}

}  // namespace

absl::StatusOr<ResolvedPath> ResolvePath(const Descriptor& root, absl::string_view path) {
  if (path.empty() || path.size() > kLongestPath) {
    return absl::NotFoundError(absl::StrCat(Quoted(path), ": not the path of a field"));
  }
  ResolvedPath resolved;
  const Descriptor* holder = &root;
  const OneofDescriptor* pending = nullptr;  // the next name is one of its members
  std::string at;
  const std::vector<absl::string_view> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    absl::string_view name = names[i];
    const std::string parent = at;
    const auto index = TakeIndex(name, path);
    if (!index.ok()) return index.status();
    at = JoinPath(at, absl::Utf8SafeCHexEscape(name));
    const std::string element = *index < 0 ? at : absl::StrCat(at, "[", *index, "]");
    const FieldDescriptor* field = nullptr;
    if (pending != nullptr) {
      field = FindMember(*pending, name);
      if (field == nullptr) {
        return absl::NotFoundError(
            absl::StrCat(at, ": no such choice", LegalNames(name, Names(*pending))));
      }
      resolved.choices.push_back({parent, field->name()});
      pending = nullptr;
    } else if (const OneofDescriptor* oneof = FindOneof(*holder, name); oneof != nullptr) {
      if (*index >= 0) return absl::NotFoundError(absl::StrCat(at, ": not a list"));
      if (last) {
        resolved.oneof = oneof;
        return resolved;
      }
      pending = oneof;
      continue;
    } else {
      field = holder->FindFieldByName(std::string(name));
      if (field == nullptr || field->real_containing_oneof() != nullptr) {
        return NoSuchField(at, name, *holder);
      }
    }
    if (*index >= 0 && !field->is_repeated()) {
      return absl::NotFoundError(absl::StrCat(at, ": not a list"));
    }
    const Descriptor* message = field->message_type();
    // Elements that have a key of their own are not counted.
    const bool is_single = !field->is_repeated() || (*index >= 0 && IsMessageList(*field));
    if (last) {
      const OneofDescriptor* choice =
          message == nullptr || !is_single ? nullptr : ChoiceOf(*message);
      if (choice != nullptr) {
        resolved.through.push_back({field, *index});
        resolved.oneof = choice;
      } else {
        resolved.field = field;
        resolved.index = *index;
      }
      return resolved;
    }
    if (IsMessageList(*field) && *index < 0) {
      return absl::NotFoundError(absl::StrCat(at, ": is a list: name one of its elements, as in ",
                                              at, "[0], counted from 0"));
    }
    if (message == nullptr || !is_single) {
      return absl::NotFoundError(
          absl::StrCat(at, ": has no fields of its own (it is a ", TypeText(*field), ")"));
    }
    resolved.through.push_back({field, *index});
    holder = message;
    pending = ChoiceOf(*holder);
    at = element;
  }
  return absl::NotFoundError(absl::StrCat(Quoted(path), ": not the path of a field"));
}

const Message* FindHolder(const Message& root, const ResolvedPath& path) {
  const Message* holder = &root;
  for (const auto& [field, index] : path.through) {
    const Reflection& reflection = *holder->GetReflection();
    if (!IsThere(*holder, *field, index)) return nullptr;
    holder = index < 0 ? &reflection.GetMessage(*holder, field)
                       : &reflection.GetRepeatedMessage(*holder, field, index);
  }
  return holder;
}

void ClearField(Message& root, const ResolvedPath& path) {
  Message* holder = &root;
  for (const auto& [field, index] : path.through) {
    const Reflection& reflection = *holder->GetReflection();
    if (!IsThere(*holder, *field, index)) return;
    holder = index < 0 ? reflection.MutableMessage(holder, field)
                       : reflection.MutableRepeatedMessage(holder, field, index);
  }
  const Reflection& reflection = *holder->GetReflection();
  if (path.oneof != nullptr) {
    reflection.ClearOneof(holder, path.oneof);
  } else {
    reflection.ClearField(holder, path.field);
  }
}

std::string WithFirstElements(absl::string_view path) {
  std::string first;
  bool is_index = false;
  for (const char c : path) {
    if (c == ']') absl::StrAppend(&first, "0");
    if (c == ']') is_index = false;
    if (!is_index) first += c;
    if (c == '[') is_index = true;
  }
  return first;
}

}  // namespace tpsweep::spec
