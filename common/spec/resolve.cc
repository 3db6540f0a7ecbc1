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
    if (last) {
      const Descriptor* message = field->message_type();
      const OneofDescriptor* choice =
          message == nullptr || field->is_repeated() ? nullptr : ChoiceOf(*message);
      if (choice != nullptr) {
        resolved.through.push_back(field);
        resolved.oneof = choice;
      } else {
        resolved.field = field;
        resolved.index = *index;
      }
      return resolved;
    }
    if (field->message_type() == nullptr || field->is_repeated()) {
      return absl::NotFoundError(
          absl::StrCat(at, ": has no fields of its own (it is a ", TypeText(*field), ")"));
    }
    resolved.through.push_back(field);
    holder = field->message_type();
    pending = ChoiceOf(*holder);
  }
  return absl::NotFoundError(absl::StrCat(Quoted(path), ": not the path of a field"));
}

const Message* FindHolder(const Message& root, const ResolvedPath& path) {
  const Message* holder = &root;
  for (const FieldDescriptor* field : path.through) {
    const Reflection& reflection = *holder->GetReflection();
    if (!reflection.HasField(*holder, field)) return nullptr;
    holder = &reflection.GetMessage(*holder, field);
  }
  return holder;
}

void ClearField(Message& root, const ResolvedPath& path) {
  Message* holder = &root;
  for (const FieldDescriptor* field : path.through) {
    const Reflection& reflection = *holder->GetReflection();
    if (!reflection.HasField(*holder, field)) return;
    holder = reflection.MutableMessage(holder, field);
  }
  const Reflection& reflection = *holder->GetReflection();
  if (path.oneof != nullptr) {
    reflection.ClearOneof(holder, path.oneof);
  } else {
    reflection.ClearField(holder, path.field);
  }
}

}  // namespace tpsweep::spec
