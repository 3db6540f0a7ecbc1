#include "common/spec/describe.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/spec/resolve.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/status_macros.h"
#include "google/protobuf/descriptor.pb.h"
#include "proto/schema.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;
using google::protobuf::SourceLocation;

// The generated descriptors have no comments; these do. Lives for ever.
const DescriptorPool& PoolWithComments() {
  static const DescriptorPool* const pool = [] {
    auto* made = new DescriptorPool;
    google::protobuf::FileDescriptorSet files;
    files.ParseFromArray(proto::kSchema, static_cast<int>(proto::kSchemaBytes));
    // Imports come before those who import them.
    for (const auto& file : files.file()) made->BuildFile(file);
    return made;
  }();
  return *pool;
}

template <class AnyDescriptor>
std::string CommentOf(const AnyDescriptor* descriptor) {
  SourceLocation location;
  if (descriptor == nullptr || !descriptor->GetSourceLocation(&location)) return "";
  const std::string& comment =
      location.leading_comments.empty() ? location.trailing_comments : location.leading_comments;
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(absl::StripAsciiWhitespace(comment), '\n')) {
    absl::ConsumePrefix(&line, " ");
    lines.emplace_back(absl::StripTrailingAsciiWhitespace(line));
  }
  return absl::StrJoin(lines, "\n");
}

std::string Comment(const Descriptor& message) {
  return CommentOf(PoolWithComments().FindMessageTypeByName(message.full_name()));
}

// A message that is nothing but the choice may speak for it.
std::string Comment(const OneofDescriptor& oneof) {
  const std::string comment = CommentOf(PoolWithComments().FindOneofByName(oneof.full_name()));
  return comment.empty() ? Comment(*oneof.containing_type()) : comment;
}

// With the comments of its enumerators, one line each.
std::string Comment(const FieldDescriptor& field) {
  std::string comment = CommentOf(PoolWithComments().FindFieldByName(field.full_name()));
  if (field.enum_type() == nullptr) return comment;
  for (int i = 1; i < field.enum_type()->value_count(); ++i) {
    const EnumValueDescriptor& value = *field.enum_type()->value(i);
    std::string text = CommentOf(PoolWithComments().FindEnumValueByName(value.full_name()));
    if (text.empty()) continue;
    absl::StrAppend(&comment, "\n", NameOf(value), ": ", text);
  }
  return comment;
}

std::string Legal(const v1::FieldRules& rules, bool is_list) {
  std::vector<std::string> parts;
  if (rules.required()) parts.push_back("must be set");
  if (const std::string range = RangeText(rules); !range.empty()) parts.push_back(range);
  if (!rules.pattern().empty()) parts.push_back(rules.pattern());
  if (is_list && rules.has_min_items()) {
    parts.push_back(absl::StrCat(rules.min_items(), " to ", rules.max_items(), " elements"));
  } else if (is_list && rules.has_max_items()) {
    parts.push_back(absl::StrCat("at most ", rules.max_items(), " elements"));
  }
  return absl::StrJoin(parts, "; ");
}

void AddMessage(const Descriptor& message, const std::string& path, std::vector<Description>& out);

void AddOneof(const OneofDescriptor& oneof, const std::string& path,
              std::vector<Description>& out) {
  const v1::FieldRules& rules = RulesOf(oneof);
  out.push_back(
      {path, TypeText(oneof), Legal(rules, false), rules.default_value(), "", "", Comment(oneof)});
  for (int i = 0; i < oneof.field_count(); ++i) {
    const FieldDescriptor& member = *oneof.field(i);
    const std::string at = JoinPath(path, member.name());
    out.push_back({at, "choice", "", "", "", "", Comment(*member.message_type())});
    AddMessage(*member.message_type(), at, out);
  }
}

void AddField(const FieldDescriptor& field, const std::string& path,
              std::vector<Description>& out) {
  const Descriptor* message = field.message_type();
  if (message != nullptr && !field.is_repeated()) {
    if (const OneofDescriptor* choice = ChoiceOf(*message)) return AddOneof(*choice, path, out);
  }
  const v1::FieldRules& rules = RulesOf(field);
  out.push_back({path, TypeText(field), Legal(rules, field.is_repeated()), rules.default_value(),
                 rules.symbol(), rules.unit(), Comment(field)});
  if (message == nullptr) return;
  if (message == v1::Parameter::descriptor()) return AddMessage(*message, path + ".PATH", out);
  if (IsMessageList(field)) {
    if (KeyedListOf(*message) != nullptr) return;  // its paths are those of the space
    const std::string element = path + "[N]";
    const OneofDescriptor* choice = ChoiceOf(*message);
    return choice ? AddOneof(*choice, element, out) : AddMessage(*message, element, out);
  }
  if (!field.is_repeated() && TypeText(field) == "map") AddMessage(*message, path, out);
}

void AddMessage(const Descriptor& message, const std::string& path, std::vector<Description>& out) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const OneofDescriptor* oneof = field.real_containing_oneof();
    if (IsKeyed(message)) {
      if (i > 0) AddField(field, JoinPath(path, field.name()), out);
    } else if (oneof == nullptr) {
      AddField(field, JoinPath(path, field.name()), out);
    } else if (oneof->field(0) == &field) {
      AddOneof(*oneof, JoinPath(path, oneof->name()), out);
    }
  }
}

std::vector<Description> Members(const OneofDescriptor& oneof) {
  std::vector<Description> members;
  members.reserve(static_cast<size_t>(oneof.field_count()));
  for (int i = 0; i < oneof.field_count(); ++i) {
    members.push_back({oneof.field(i)->name(), "choice", "", "", "", "",
                       Comment(*oneof.field(i)->message_type())});
  }
  return members;
}

}  // namespace

absl::StatusOr<std::vector<Description>> DescribeFields(absl::string_view path) {
  std::vector<Description> described;
  if (path.empty()) {
    AddMessage(*v1::StudySpec::descriptor(), "", described);
    return described;
  }
  TP_ASSIGN_OR_RETURN(const ResolvedPath where, ResolvePath(*v1::StudySpec::descriptor(), path));
  if (where.oneof != nullptr) {
    AddOneof(*where.oneof, std::string(path), described);
  } else if (where.field->real_containing_oneof() != nullptr) {
    const Descriptor& message = *where.field->message_type();
    described.push_back({std::string(path), "choice", "", "", "", "", Comment(message)});
    AddMessage(message, std::string(path), described);
  } else {
    AddField(*where.field, std::string(path), described);
  }
  return described;
}

std::vector<Description> DescribeRules() {
  return Members(*v1::TrainingSpec::descriptor()->FindOneofByName("rule"));
}

std::vector<Description> DescribeSchedulers() {
  return Members(*v1::Scheduler::descriptor()->FindOneofByName("algorithm"));
}

std::vector<Description> DescribeSamplers() {
  return Members(*v1::Sampler::descriptor()->FindOneofByName("sampler"));
}

}  // namespace tpsweep::spec
