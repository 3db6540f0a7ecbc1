#include "common/spec/schema.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/text.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

// "number" and "numbers", and so on.
std::string ElementType(const FieldDescriptor& field, bool plural) {
  const char* s = plural ? "s" : "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat("number", s);
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat("whole number", s);
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ", absl::StrJoin(Names(*field.enum_type()), ", "));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const Descriptor& message = *field.message_type();
  if (const OneofDescriptor* choice = ChoiceOf(message)) return TypeText(*choice);
  if (message.full_name() == "google.protobuf.Value") return absl::StrCat("value", s);
  if (message.full_name() == "tpsweep.v1.Interval") return "list [low, high]";
  if (message.full_name() == "tpsweep.v1.Choice") return "list of values";
  if (KeyedListOf(message) != nullptr) return absl::StrCat("map", s, " by path");
  return "map";
}

}  // namespace

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rules);
}

const v1::FieldRules& RulesOf(const OneofDescriptor& oneof) {
  return oneof.options().GetExtension(v1::oneof_rules);
}

const OneofDescriptor* ChoiceOf(const Descriptor& message) {
  if (message.full_name() == "google.protobuf.Value") return nullptr;
  if (message.real_oneof_decl_count() != 1) return nullptr;
  const OneofDescriptor* oneof = message.oneof_decl(0);
  return oneof->field_count() == message.field_count() ? oneof : nullptr;
}

bool IsKeyed(const Descriptor& message) {
  return message.field_count() > 0 && message.field(0)->name() == "path";
}

const FieldDescriptor* KeyedListOf(const Descriptor& message) {
  if (message.field_count() != 1) return nullptr;
  const FieldDescriptor* only = message.field(0);
  const bool is_keyed =
      only->is_repeated() && only->message_type() != nullptr && IsKeyed(*only->message_type());
  return is_keyed ? only : nullptr;
}

bool IsAnyValue(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !field.is_repeated() &&
         field.message_type()->full_name() == "google.protobuf.Value";
}

bool IsMessageList(const FieldDescriptor& field) {
  const Descriptor* message = field.message_type();
  return message != nullptr && field.is_repeated() && !IsKeyed(*message) &&
         message->full_name() != "google.protobuf.Value";
}

std::vector<std::string> Names(const Descriptor& message) {
  if (const OneofDescriptor* choice = ChoiceOf(message)) return Names(*choice);
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const OneofDescriptor* oneof = field.real_containing_oneof();
    if (oneof == nullptr) {
      names.push_back(field.name());
    } else if (oneof->field(0) == &field) {
      names.push_back(oneof->name());
    }
  }
  return names;
}

std::vector<std::string> Names(const OneofDescriptor& oneof) {
  std::vector<std::string> names;
  for (int i = 0; i < oneof.field_count(); ++i) names.push_back(oneof.field(i)->name());
  return names;
}

std::vector<std::string> Names(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) names.push_back(NameOf(*type.value(i)));
  return names;
}

std::string NameOf(const EnumValueDescriptor& value) {
  // ACTIVATION_UNSPECIFIED tells the prefix.
  const std::string& first = value.type()->value(0)->name();
  const size_t prefix = first.size() - absl::string_view("UNSPECIFIED").size();
  return absl::AsciiStrToLower(value.name().substr(prefix));
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, absl::string_view name) {
  for (int i = 1; i < type.value_count(); ++i) {
    if (NameOf(*type.value(i)) == name) return type.value(i);
  }
  return nullptr;
}

const FieldDescriptor* FindMember(const OneofDescriptor& oneof, absl::string_view name) {
  const FieldDescriptor* field = oneof.containing_type()->FindFieldByName(std::string(name));
  return field != nullptr && field->real_containing_oneof() == &oneof ? field : nullptr;
}

const OneofDescriptor* FindOneof(const Descriptor& message, absl::string_view name) {
  for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
    if (message.oneof_decl(i)->name() == name) return message.oneof_decl(i);
  }
  return nullptr;
}

std::string RangeText(const v1::FieldRules& rules) {
  if (rules.has_min() && rules.has_max()) {
    return absl::StrCat(rules.above_min() ? "(" : "[", NumberText(rules.min()), ", ",
                        NumberText(rules.max()), rules.below_max() ? ")" : "]");
  }
  if (rules.has_min()) {
    return absl::StrCat(rules.above_min() ? "above " : "at least ", NumberText(rules.min()));
  }
  if (rules.has_max()) {
    return absl::StrCat(rules.below_max() ? "below " : "at most ", NumberText(rules.max()));
  }
  return "";
}

std::string TypeText(const FieldDescriptor& field) {
  if (!field.is_repeated()) return ElementType(field, false);
  if (field.message_type() != nullptr && IsKeyed(*field.message_type())) return "map by path";
  const std::string element = ElementType(field, true);
  return absl::StartsWith(element, "one of ") ? absl::StrCat("list, each ", element)
                                              : absl::StrCat("list of ", element);
}

std::string TypeText(const OneofDescriptor& oneof) {
  return absl::StrCat("one of ", absl::StrJoin(Names(oneof), ", "));
}

std::string LegalText(const FieldDescriptor& field) {
  const v1::FieldRules& rules = RulesOf(field);
  std::string text = TypeText(field);
  if (field.message_type() != nullptr && text == "map") {
    return absl::StrCat("a map with ", absl::StrJoin(Names(*field.message_type()), ", "));
  }
  const bool is_listed = absl::StartsWith(text, "one of ");
  if (!is_listed && text != "text" && text != "true or false") text.insert(0, "a ");
  const bool half_open = rules.has_min() != rules.has_max();
  if (const std::string range = RangeText(rules); !range.empty()) {
    absl::StrAppend(&text, half_open ? " " : " in ", range);
  }
  if (!rules.pattern().empty()) absl::StrAppend(&text, " matching ", rules.pattern());
  return text;
}

}  // namespace tpsweep::spec
