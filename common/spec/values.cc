#include "common/spec/values.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Value;

// The setters of one type, chosen by where the value goes.
template <class T>
struct Setters {
  void (Reflection::*set)(Message*, const FieldDescriptor*, T) const;
  void (Reflection::*set_element)(Message*, const FieldDescriptor*, int, T) const;
  void (Reflection::*add)(Message*, const FieldDescriptor*, T) const;
};

// index: -1 for a field that is not a list.
template <class T>
void Put(Message& message, const FieldDescriptor& field, int index, T value,
         const Setters<T>& setters) {
  const Reflection& reflection = *message.GetReflection();
  if (index < 0) {
    (reflection.*setters.set)(&message, &field, std::move(value));
  } else if (index < reflection.FieldSize(message, &field)) {
    (reflection.*setters.set_element)(&message, &field, index, std::move(value));
  } else {
    (reflection.*setters.add)(&message, &field, std::move(value));
  }
}

absl::Status Misfit(const Value& value, const FieldDescriptor& field, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(value), " ", what, "; legal: ", LegalText(field)));
}

// Whole, and within what the type (and a double, exactly) can hold.
absl::Status CheckWhole(const Value& value, const FieldDescriptor& field, double low, double high) {
  if (value.kind_case() != Value::kNumberValue) return Misfit(value, field, KindText(value));
  const double number = value.number_value();
  if (std::trunc(number) != number) return Misfit(value, field, "is not a whole number");
  if (number < low || number > high) return Misfit(value, field, "is out of range");
  return absl::OkStatus();
}

absl::Status PutScalar(Message& message, const FieldDescriptor& field, int index,
                       const Value& value) {
  constexpr double kExact = 0x1p53;
  if (value.kind_case() == Value::kNumberValue && !std::isfinite(value.number_value())) {
    return Misfit(value, field, "is not a finite number");
  }
  const double number = value.number_value();
  absl::Status status;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (value.kind_case() != Value::kNumberValue) return Misfit(value, field, KindText(value));
      Put<double>(message, field, index, number,
                  {&Reflection::SetDouble, &Reflection::SetRepeatedDouble, &Reflection::AddDouble});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT32:
      status = CheckWhole(value, field, -0x1p31, 0x1p31 - 1);
      if (!status.ok()) return status;
      Put<int32_t>(message, field, index, static_cast<int32_t>(number),
                   {&Reflection::SetInt32, &Reflection::SetRepeatedInt32, &Reflection::AddInt32});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT64:
      status = CheckWhole(value, field, -kExact, kExact);
      if (!status.ok()) return status;
      Put<int64_t>(message, field, index, static_cast<int64_t>(number),
                   {&Reflection::SetInt64, &Reflection::SetRepeatedInt64, &Reflection::AddInt64});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_UINT64:
      status = CheckWhole(value, field, 0, kExact);
      if (!status.ok()) return status;
      Put<uint64_t>(
          message, field, index, static_cast<uint64_t>(number),
          {&Reflection::SetUInt64, &Reflection::SetRepeatedUInt64, &Reflection::AddUInt64});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value.kind_case() != Value::kBoolValue) return Misfit(value, field, KindText(value));
      Put<bool>(message, field, index, value.bool_value(),
                {&Reflection::SetBool, &Reflection::SetRepeatedBool, &Reflection::AddBool});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_STRING:
      if (value.kind_case() != Value::kStringValue) return Misfit(value, field, KindText(value));
      Put<std::string>(
          message, field, index, value.string_value(),
          {&Reflection::SetString, &Reflection::SetRepeatedString, &Reflection::AddString});
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      if (value.kind_case() != Value::kStringValue) return Misfit(value, field, KindText(value));
      const auto* enumerator = FindEnumValue(*field.enum_type(), value.string_value());
      if (enumerator == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(Shown(value), " is unknown",
                         LegalNames(value.string_value(), Names(*field.enum_type()))));
      }
      Put<int>(message, field, index, enumerator->number(),
               {&Reflection::SetEnumValue, &Reflection::SetRepeatedEnumValue,
                &Reflection::AddEnumValue});
      return absl::OkStatus();
    }
    default:
      return Misfit(value, field, "cannot stand for a whole group of fields");
  }
}

}  // namespace

absl::Status SetValue(Message& message, const FieldDescriptor& field, const Value& value) {
  if (!field.is_repeated()) return PutScalar(message, field, -1, value);
  message.GetReflection()->ClearField(&message, &field);
  if (value.kind_case() != Value::kListValue) return PutScalar(message, field, 0, value);
  int index = 0;
  for (const Value& element : value.list_value().values()) {
    if (absl::Status status = PutScalar(message, field, index, element); !status.ok()) {
      return status;
    }
    ++index;
  }
  return absl::OkStatus();
}

absl::Status SetElement(Message& message, const FieldDescriptor& field, int index,
                        const Value& value) {
  const int size = message.GetReflection()->FieldSize(message, &field);
  if (index > size) return GapError(size, index);
  return PutScalar(message, field, index, value);
}

absl::Status GapError(int size, int index) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the list has ", size, " elements, counted from 0; [", index, "] would leave a gap"));
}

Value GetElement(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool in_list = index >= 0;
  Value value;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      value.set_number_value(in_list ? reflection.GetRepeatedDouble(message, &field, index)
                                     : reflection.GetDouble(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      value.set_number_value(in_list ? reflection.GetRepeatedInt32(message, &field, index)
                                     : reflection.GetInt32(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      value.set_number_value(
          static_cast<double>(in_list ? reflection.GetRepeatedInt64(message, &field, index)
                                      : reflection.GetInt64(message, &field)));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      value.set_number_value(
          static_cast<double>(in_list ? reflection.GetRepeatedUInt64(message, &field, index)
                                      : reflection.GetUInt64(message, &field)));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      value.set_bool_value(in_list ? reflection.GetRepeatedBool(message, &field, index)
                                   : reflection.GetBool(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      value.set_string_value(in_list ? reflection.GetRepeatedString(message, &field, index)
                                     : reflection.GetString(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = in_list ? reflection.GetRepeatedEnumValue(message, &field, index)
                                 : reflection.GetEnumValue(message, &field);
      const auto* enumerator = field.enum_type()->FindValueByNumber(number);
      // A number that a newer client knows; it is refused by the rules.
      value.set_string_value(enumerator == nullptr ? absl::StrCat("number ", number)
                                                   : NameOf(*enumerator));
      break;
    }
    default:
      value.set_null_value(google::protobuf::NULL_VALUE);
  }
  return value;
}

Value GetValue(const Message& message, const FieldDescriptor& field) {
  if (!field.is_repeated()) return GetElement(message, field, -1);
  Value value;
  auto* list = value.mutable_list_value();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    *list->add_values() = GetElement(message, field, i);
  }
  return value;
}

absl::string_view KindText(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return "is a number";
    case Value::kStringValue:
      return "is text";
    case Value::kBoolValue:
      return "is true or false";
    case Value::kListValue:
      return "is a list";
    case Value::kStructValue:
      return "is a map";
    default:
      return "is no value";
  }
}

}  // namespace tpsweep::spec
