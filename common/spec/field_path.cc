#include "common/spec/field_path.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/spec/values.h"
#include "common/status_macros.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using google::protobuf::Value;

absl::Status ChooseMember(Message& holder, const OneofDescriptor& oneof, const Value& value) {
  const FieldDescriptor* member =
      value.kind_case() == Value::kStringValue ? FindMember(oneof, value.string_value()) : nullptr;
  if (member == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(value), " is unknown", LegalNames(value.string_value(), Names(oneof))));
  }
  holder.GetReflection()->MutableMessage(&holder, member);
  return absl::OkStatus();
}

absl::Status AtPath(absl::string_view path, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

bool IsPlainText(absl::string_view text) {
  if (text.empty() || !absl::ascii_isalnum(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' ||
                       c == '/' || c == '-';
    if (!plain) return false;
  }
  return ParsePlain(text).kind_case() == Value::kStringValue;
}

std::string QuotedText(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&quoted, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace

absl::Status SetField(Message& message, absl::string_view path, const Value& value) {
  TP_ASSIGN_OR_RETURN(const ResolvedPath resolved, ResolvePath(*message.GetDescriptor(), path));
  Message* holder = &message;
  for (const auto& [field, index] : resolved.through) {
    const Reflection& reflection = *holder->GetReflection();
    const OneofDescriptor* oneof = field->real_containing_oneof();
    if (oneof != nullptr) {
      const FieldDescriptor* chosen = reflection.GetOneofFieldDescriptor(*holder, oneof);
      if (chosen != nullptr && chosen != field) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be set: the ", oneof->name(),
                                                       " is ", chosen->name(), ", not ",
                                                       field->name()));
      }
    }
    if (index < 0) {
      holder = reflection.MutableMessage(holder, field);
      continue;
    }
    const int size = reflection.FieldSize(*holder, field);
    if (index > size) return AtPath(path, GapError(size, index));
    holder = index < size ? reflection.MutableRepeatedMessage(holder, field, index)
                          : reflection.AddMessage(holder, field);
  }
  if (resolved.oneof != nullptr) {
    return AtPath(path, ChooseMember(*holder, *resolved.oneof, value));
  }
  if (resolved.index >= 0) {
    return AtPath(path, SetElement(*holder, *resolved.field, resolved.index, value));
  }
  return AtPath(path, SetValue(*holder, *resolved.field, value));
}

absl::StatusOr<bool> HasField(const Message& message, absl::string_view path) {
  TP_ASSIGN_OR_RETURN(const ResolvedPath resolved, ResolvePath(*message.GetDescriptor(), path));
  const Message* holder = FindHolder(message, resolved);
  if (holder == nullptr) return false;
  const Reflection& reflection = *holder->GetReflection();
  if (resolved.oneof != nullptr) return reflection.HasOneof(*holder, resolved.oneof);
  if (resolved.field->is_repeated()) {
    return reflection.FieldSize(*holder, resolved.field) > std::max(resolved.index, 0);
  }
  return reflection.HasField(*holder, resolved.field);
}

std::string ToText(const Value& value) {
  std::string text;
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return NumberText(value.number_value());
    case Value::kStringValue:
      return IsPlainText(value.string_value()) ? value.string_value()
                                               : QuotedText(value.string_value());
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case Value::kListValue:
      for (const Value& element : value.list_value().values()) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", ToText(element));
      }
      return absl::StrCat("[", text, "]");
    case Value::kStructValue:
      for (const auto& [key, element] : value.struct_value().fields()) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", QuotedText(key), ": ", ToText(element));
      }
      return absl::StrCat("{", text, "}");
    default:
      return "null";
  }
}

}  // namespace tpsweep::spec
