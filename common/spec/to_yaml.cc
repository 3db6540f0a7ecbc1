#include "absl/strings/str_cat.h"
#include "common/spec/field_path.h"
#include "common/spec/schema.h"
#include "common/spec/values.h"
#include "common/spec/yaml.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using google::protobuf::Value;

// Writes `key: ...` lines, each below the other at the same indentation.
class Writer {
 public:
  explicit Writer(int indent = 0) : indent_(indent) {}

  void WriteFields(const Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    // The path of a keyed element is its key already.
    for (int i = IsKeyed(type) ? 1 : 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const OneofDescriptor* oneof = field.real_containing_oneof();
      const bool is_set = field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                                              : reflection.HasField(message, &field);
      if (!is_set) continue;
      if (oneof != nullptr && !IsKeyed(type)) {
        WriteChosen(oneof->name(), message, field);
      } else {
        WriteField(message, field);
      }
    }
  }

  std::string Take() { return std::move(text_); }

 private:
  void Line(absl::string_view key, absl::string_view value) {
    absl::StrAppend(&text_, std::string(static_cast<size_t>(indent_), ' '), key, ": ", value, "\n");
  }

  void Block(absl::string_view key, Writer& inner) {
    const std::string text = inner.Take();
    if (text.empty()) return Line(key, "{}");
    absl::StrAppend(&text_, std::string(static_cast<size_t>(indent_), ' '), key, ":\n", text);
  }

  void WriteField(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    if (field.message_type() == nullptr)
      return Line(field.name(), ToText(GetValue(message, field)));
    if (IsAnyValue(field)) {
      return Line(field.name(),
                  ToText(static_cast<const Value&>(reflection.GetMessage(message, &field))));
    }
    if (!field.is_repeated()) {
      return WriteMessage(field.name(), reflection.GetMessage(message, &field));
    }
    Writer inner(indent_ + 2);
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      if (IsMessageList(field)) {
        inner.WriteItem(reflection.GetRepeatedMessage(message, &field, i));
        continue;
      }
      inner.WriteKeyed(reflection.GetRepeatedMessage(message, &field, i));
    }
    Block(field.name(), inner);
  }

  void WriteMessage(const std::string& key, const Message& message) {
    if (message.GetDescriptor() == v1::Interval::descriptor()) {
      const auto& interval = static_cast<const v1::Interval&>(message);
      Value ends;
      ends.mutable_list_value()->add_values()->set_number_value(interval.low());
      ends.mutable_list_value()->add_values()->set_number_value(interval.high());
      return Line(key, ToText(ends));
    }
    if (message.GetDescriptor() == v1::Choice::descriptor()) {
      return Line(key, ListText(static_cast<const v1::Choice&>(message).values()));
    }
    if (const OneofDescriptor* choice = ChoiceOf(*message.GetDescriptor())) {
      const FieldDescriptor* chosen =
          message.GetReflection()->GetOneofFieldDescriptor(message, choice);
      if (chosen != nullptr) return WriteChosen(key, message, *chosen);
    }
    Writer inner(indent_ + 2);
    inner.WriteFields(message);
    Block(key, inner);
  }

  // `rule: bp`, or the member and its fields below.
  void WriteChosen(const std::string& key, const Message& message, const FieldDescriptor& member) {
    const Message& chosen = message.GetReflection()->GetMessage(message, &member);
    Writer inner(indent_ + 2);
    inner.WriteMessage(member.name(), chosen);
    Writer probe;
    probe.WriteFields(chosen);
    if (probe.text_.empty()) return Line(key, member.name());
    Block(key, inner);
  }

  // An element of a list, behind a dash.
  void WriteItem(const Message& element) {
    Writer inner(indent_ + 2);
    if (const OneofDescriptor* choice = ChoiceOf(*element.GetDescriptor())) {
      const FieldDescriptor* chosen =
          element.GetReflection()->GetOneofFieldDescriptor(element, choice);
      if (chosen != nullptr) inner.WriteField(element, *chosen);
    } else if (const FieldDescriptor* list = KeyedListOf(*element.GetDescriptor())) {
      for (int i = 0; i < element.GetReflection()->FieldSize(element, list); ++i) {
        inner.WriteKeyed(element.GetReflection()->GetRepeatedMessage(element, list, i));
      }
    } else {
      inner.WriteFields(element);
    }
    std::string text = inner.Take();
    if (text.empty())
      text = absl::StrCat(std::string(static_cast<size_t>(inner.indent_), ' '), "{}\n");
    text[static_cast<size_t>(indent_)] = '-';
    text_ += text;
  }

  void WriteKeyed(const Message& element) {
    Value path;
    path.set_string_value(
        element.GetReflection()->GetString(element, element.GetDescriptor()->field(0)));
    if (element.GetDescriptor()->field_count() > 2) return WriteMessage(ToText(path), element);
    if (const auto* one = dynamic_cast<const v1::Assignment*>(&element)) {
      return Line(ToText(path), ToText(one->value()));
    }
    if (const auto* one = dynamic_cast<const v1::Renamed*>(&element)) {
      Value there;
      there.set_string_value(one->there());
      return Line(ToText(path), ToText(there));
    }
    const auto& values = static_cast<const v1::Condition&>(element).values();
    const bool is_one = values.size() == 1 && values[0].kind_case() != Value::kListValue &&
                        values[0].kind_case() != Value::kNullValue;
    Line(ToText(path), is_one ? ToText(values[0]) : ListText(values));
  }

  static std::string ListText(const google::protobuf::RepeatedPtrField<Value>& values) {
    Value list;
    *list.mutable_list_value()->mutable_values() = values;
    return ToText(list);
  }

  const int indent_;
  std::string text_;
};

}  // namespace

std::string ToYaml(const Message& message) {
  Writer writer;
  writer.WriteFields(message);
  return writer.Take();
}

}  // namespace tpsweep::spec
