#include "client/setting.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/spec/field_path.h"
#include "common/spec/problems.h"
#include "common/spec/resolve.h"
#include "common/spec/rules.h"
#include "common/spec/text.h"
#include "common/spec/yaml.h"

namespace tpsweep::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Value;

absl::Status Bad(absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("--set ", message));
}

bool IsText(const spec::ResolvedPath& where) {
  return where.field != nullptr && where.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

// A word is text where text is wanted, even if it looks like a number.
absl::StatusOr<Value> ToValue(absl::string_view text, const spec::ResolvedPath& where) {
  absl::StatusOr<Value> value = spec::ParseValue(text, "value");
  if (value.ok() && IsText(where) && value->kind_case() != Value::kListValue &&
      value->kind_case() != Value::kStringValue) {
    value->set_string_value(std::string(text));
  }
  return value;
}

}  // namespace

absl::Status ApplySetting(absl::string_view setting, v1::StudySpec& spec) {
  const size_t equals = setting.find('=');
  if (equals == absl::string_view::npos) {
    return Bad(absl::StrCat(spec::Quoted(setting),
                            ": write FIELD=VALUE, as in training.epochs=5 or "
                            "training.network.hidden='[256, 256]'"));
  }
  const std::string path(absl::StripAsciiWhitespace(setting.substr(0, equals)));
  const absl::string_view text = absl::StripAsciiWhitespace(setting.substr(equals + 1));
  const auto where = spec::ResolvePath(*v1::StudySpec::descriptor(), path);
  if (!where.ok()) return Bad(where.status().message());
  const absl::StatusOr<Value> value = ToValue(text, *where);
  if (!value.ok()) {
    return Bad(absl::StrCat(path, ": ", spec::Quoted(text),
                            " is no value; legal: a number, a word, or a list such as [256, 256] (",
                            value.status().message(), ")"));
  }
  if (const absl::Status status = spec::SetField(spec, path, *value); !status.ok()) {
    return Bad(status.message());
  }
  if (where->field == nullptr) return absl::OkStatus();
  spec::Problems problems;
  spec::CheckField(*spec::FindHolder(spec, *where), *where->field, path, problems);
  return problems.empty() ? absl::OkStatus() : Bad(problems.ToStatus().message());
}

}  // namespace tpsweep::client
