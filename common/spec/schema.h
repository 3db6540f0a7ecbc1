// How spec messages read as a tree of named fields: what may follow a path, what
// a field may hold, and what the .proto options say about it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "tpsweep/v1/field_rules.pb.h"

namespace tpsweep::spec {

const v1::FieldRules& RulesOf(const google::protobuf::FieldDescriptor& field);
const v1::FieldRules& RulesOf(const google::protobuf::OneofDescriptor& oneof);

// A message that is nothing but a choice (Sampler): where such a field stands in
// a path or a file, its oneof is meant. Null for other messages.
const google::protobuf::OneofDescriptor* ChoiceOf(const google::protobuf::Descriptor& message);

// Elements of a list that a sweep file writes as a map, from their `path` to the
// rest (Parameter, Condition).
bool IsKeyed(const google::protobuf::Descriptor& message);

// The list of a message that is nothing but such a list (Configuration): a sweep
// file writes the map in its place. Null for other messages.
const google::protobuf::FieldDescriptor* KeyedListOf(const google::protobuf::Descriptor& message);

// A value of any type that is no list of such (Parameter.prior).
bool IsAnyValue(const google::protobuf::FieldDescriptor& field);

// A list of messages whose elements are counted (network.layers).
bool IsMessageList(const google::protobuf::FieldDescriptor& field);

// The names that may stand in a file or a path under `message`: its fields, and
// its oneofs in place of their members.
std::vector<std::string> Names(const google::protobuf::Descriptor& message);
std::vector<std::string> Names(const google::protobuf::OneofDescriptor& oneof);

// Enumerators without the first, UNSPECIFIED: ACTIVATION_LEAKY_RELU is leaky_relu.
std::vector<std::string> Names(const google::protobuf::EnumDescriptor& type);
std::string NameOf(const google::protobuf::EnumValueDescriptor& value);
const google::protobuf::EnumValueDescriptor* FindEnumValue(
    const google::protobuf::EnumDescriptor& type, absl::string_view name);

// The member with this name; null if there is none.
const google::protobuf::FieldDescriptor* FindMember(const google::protobuf::OneofDescriptor& oneof,
                                                    absl::string_view name);
const google::protobuf::OneofDescriptor* FindOneof(const google::protobuf::Descriptor& message,
                                                   absl::string_view name);

// "(0, 10]", "at least 1"; empty if every number is legal.
std::string RangeText(const v1::FieldRules& rules);

// What the type alone says: "number", "list of whole numbers", "one of bp, dtp".
std::string TypeText(const google::protobuf::FieldDescriptor& field);
std::string TypeText(const google::protobuf::OneofDescriptor& oneof);

// Type and rules: "a number in (0, 10]", "one of linear, tanh".
std::string LegalText(const google::protobuf::FieldDescriptor& field);

}  // namespace tpsweep::spec
