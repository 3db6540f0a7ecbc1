#include "client/spec_file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/presets.h"
#include "client/setting.h"
#include "common/file.h"
#include "common/random.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace tpsweep::client {
namespace {

constexpr int64_t kMaxSpecBytes = 16 << 20;

absl::Status Change(const SpecSource& source, v1::StudySpec& spec) {
  if (!source.space.empty()) TP_RETURN_IF_ERROR(UseSpace(source.space, spec));
  for (const std::string& setting : source.settings) {
    TP_RETURN_IF_ERROR(ApplySetting(setting, spec));
  }
  if (source.replicates > 0) spec.mutable_search()->set_replicates(source.replicates);
  if (!source.name.empty()) spec.set_study(source.name);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::StudySpec> LoadStudy(const SpecSource& source) {
  std::string text;
  std::string file = source.path;
  if (source.preset.empty()) {
    absl::StatusOr<std::string> read = ReadFile(source.path, kMaxSpecBytes);
    if (!read.ok()) return absl::InvalidArgumentError(read.status().message());
    text = *std::move(read);
  } else {
    TP_ASSIGN_OR_RETURN(const presets::File preset, FindPreset(source.preset));
    text = std::string(preset.text);
    file = absl::StrCat(preset.name, ".yaml");
  }
  return spec::ParseAndCompleteStudy(
      text, file, [&source](v1::StudySpec& spec) { return Change(source, spec); });
}

std::string SpecDigest(const v1::StudySpec& complete) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    complete.SerializeToCodedStream(&coded);
  }
  return absl::StrFormat("%016x%016x", DeriveSeed(1, bytes), DeriveSeed(2, bytes));
}

}  // namespace tpsweep::client
