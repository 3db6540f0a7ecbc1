#include "common/spec/rules.h"

#include <cmath>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/mutex.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/spec/values.h"
#include "google/protobuf/unknown_field_set.h"
#include "re2/re2.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using google::protobuf::Value;

// Each pattern is compiled once: a spec is checked for every trial.
bool Matches(const std::string& text, const std::string& pattern) {
  static Mutex mu;
  static auto& compiled = *new std::map<std::string, RE2>();
  const RE2* expression = nullptr;
  {
    MutexLock lock(mu);
    expression = &compiled.try_emplace(pattern, pattern).first->second;
  }
  return RE2::FullMatch(text, *expression);
}

bool IsSet(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) return reflection.FieldSize(message, &field) > 0;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return reflection.GetEnumValue(message, &field) != 0;
  }
  return reflection.HasField(message, &field);
}

std::string ElementPath(const Message& element, const std::string& list_path, int index) {
  if (!IsKeyed(*element.GetDescriptor())) return absl::StrCat(list_path, "[", index, "]");
  const std::string key =
      element.GetReflection()->GetString(element, element.GetDescriptor()->field(0));
  return JoinPath(list_path, absl::Utf8SafeCHexEscape(key));
}

void CheckNumber(double number, const Value& shown, const FieldDescriptor& field,
                 const std::string& path, Problems& problems) {
  const v1::FieldRules& rules = RulesOf(field);
  if (!std::isfinite(number)) {
    problems.Add(path, NumberText(number), " is not a finite number");
    return;
  }
  const bool too_small =
      rules.has_min() && (number < rules.min() || (rules.above_min() && number <= rules.min()));
  const bool too_large =
      rules.has_max() && (number > rules.max() || (rules.below_max() && number >= rules.max()));
  if (!too_small && !too_large) return;
  const bool interval = rules.has_min() && rules.has_max();
  problems.Add(path, Shown(shown), interval ? " is not in " : " is not ", RangeText(rules));
}

void CheckElement(const Message& message, const FieldDescriptor& field, int index,
                  const std::string& path, Problems& problems) {
  const Value value = GetElement(message, field, index);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string& pattern = RulesOf(field).pattern();
      if (!pattern.empty() && !Matches(value.string_value(), pattern)) {
        problems.Add(path, Quoted(value.string_value()), " does not match ", pattern);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      if (FindEnumValue(*field.enum_type(), value.string_value()) == nullptr) {
        problems.Add(path, Shown(value), " is unknown",
                     LegalNames(value.string_value(), Names(*field.enum_type())));
      }
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
    default:
      CheckNumber(value.number_value(), value, field, path, problems);
  }
}

void CompleteScalar(Message& message, const FieldDescriptor& field, const std::string& path,
                    Problems& problems) {
  const v1::FieldRules& rules = RulesOf(field);
  if (!IsSet(message, field)) {
    if (rules.required()) {
      problems.Add(path, "must be set; legal: ", LegalText(field));
    } else if (!rules.default_value().empty()) {
      // Legal by a test over all fields.
      (void)SetValue(message, field, ParseDefault(rules.default_value()));
    }
    return;
  }
  CheckField(message, field, path, problems);
}

void CompleteField(Message& message, const FieldDescriptor& field, const std::string& path,
                   const OpenPaths& open, Problems& problems) {
  if (IsAnyValue(field)) return;  // what it may be depends on other fields
  const Reflection& reflection = *message.GetReflection();
  if (field.message_type() == nullptr) {
    if (!open.Covers(path)) {
      CompleteScalar(message, field, path, problems);
    } else if (IsSet(message, field)) {
      CheckField(message, field, path, problems);
    }
  } else if (field.message_type()->full_name() == "google.protobuf.Value") {
    CheckField(message, field, path, problems);
  } else if (field.is_repeated()) {
    CheckField(message, field, path, problems);
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Message* element = reflection.MutableRepeatedMessage(&message, &field, i);
      CompleteByRules(*element, ElementPath(*element, path, i), open, problems);
    }
  } else if (RulesOf(field).required() && !IsSet(message, field) && !open.AnyBelow(path)) {
    problems.Add(path, "must be set; legal: ", LegalText(field));
  } else {
    CompleteByRules(*reflection.MutableMessage(&message, &field), path, open, problems);
  }
}

void CompleteOneof(Message& message, const OneofDescriptor& oneof, const std::string& path,
                   const OpenPaths& open, Problems& problems) {
  const Reflection& reflection = *message.GetReflection();
  const v1::FieldRules& rules = RulesOf(oneof);
  if (!reflection.HasOneof(message, &oneof)) {
    if (open.Covers(path)) return;
    if (rules.required()) {
      problems.Add(path, "must be chosen; legal: ", absl::StrJoin(Names(oneof), ", "));
      return;
    }
    const FieldDescriptor* member = FindMember(oneof, rules.default_value());
    if (member == nullptr) return;
    reflection.MutableMessage(&message, member);
  }
  const FieldDescriptor* member = reflection.GetOneofFieldDescriptor(message, &oneof);
  CompleteByRules(*reflection.MutableMessage(&message, member), JoinPath(path, member->name()),
                  open, problems);
}

}  // namespace

bool OpenPaths::Covers(const std::string& path) const {
  return paths_.count(path) > 0 || HasPrefix(path + "[");
}

bool OpenPaths::HasPrefix(const std::string& prefix) const {
  const auto found = paths_.lower_bound(prefix);
  return found != paths_.end() && absl::StartsWith(*found, prefix);
}

void CheckField(const Message& message, const FieldDescriptor& field, const std::string& path,
                Problems& problems) {
  if (!field.is_repeated()) {
    CheckElement(message, field, -1, path, problems);
    return;
  }
  const v1::FieldRules& rules = RulesOf(field);
  const int size = message.GetReflection()->FieldSize(message, &field);
  if (rules.has_min_items() && size < rules.min_items()) {
    problems.Add(path, "has ", size, " elements; at least ", rules.min_items(), " needed");
  }
  if (rules.has_max_items() && size > rules.max_items()) {
    problems.Add(path, "has ", size, " elements; at most ", rules.max_items(), " are legal");
    return;
  }
  if (field.message_type() != nullptr) return;
  for (int i = 0; i < size; ++i) {
    CheckElement(message, field, i, size == 1 ? path : absl::StrCat(path, "[", i, "]"), problems);
  }
}

Value ParseDefault(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "[")) return ParsePlain(text);
  absl::ConsumeSuffix(&text, "]");
  Value value;
  for (const absl::string_view element : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    *value.mutable_list_value()->add_values() = ParsePlain(absl::StripAsciiWhitespace(element));
  }
  return value;
}

void CompleteByRules(Message& message, const std::string& path, const OpenPaths& open,
                     Problems& problems) {
  const Reflection& reflection = *message.GetReflection();
  const auto& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) {
    problems.Add(path, "has a field that is not known here (number ", unknown.field(0).number(),
                 "): it was written by a newer version");
  }
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  // Here the members stand in the place of the oneof: `sampler: grid`, `log: [1, 2]`.
  const bool members_only = ChoiceOf(type) != nullptr || IsKeyed(type);
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const OneofDescriptor* oneof = field.real_containing_oneof();
    if (oneof == nullptr) {
      CompleteField(message, field, JoinPath(path, field.name()), open, problems);
    } else if (oneof->field(0) == &field) {
      CompleteOneof(message, *oneof, members_only ? path : JoinPath(path, oneof->name()), open,
                    problems);
    }
  }
}

}  // namespace tpsweep::spec
