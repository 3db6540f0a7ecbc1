#include "client/spec_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/random.h"
#include "common/spec/grid_size.h"
#include "common/spec/space.h"
#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace tpsweep::client {
namespace {

constexpr int64_t kMaxSpecBytes = 16 << 20;

}  // namespace

absl::StatusOr<v1::StudySpec> LoadStudy(const std::string& path, const std::string& name) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxSpecBytes);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  absl::StatusOr<v1::StudySpec> spec = spec::ParseAndCompleteStudy(*text, path);
  if (name.empty()) return spec;

  // A file that is wrong only for want of a name is right with --name.
  absl::StatusOr<v1::StudySpec> named = spec::ParseStudySpec(*text, path);
  if (!named.ok()) return named;
  named->set_study(name);
  const absl::Status complete = spec::Complete(*named);
  if (complete.ok()) return named;
  return spec.ok() ? complete : spec.status();
}

int64_t ExpectedRuns(const v1::StudySpec& complete) {
  const v1::Sampler& sampler = complete.search().sampler();
  int64_t trials = sampler.has_random()
                       ? sampler.random().trials()
                       : static_cast<int64_t>(spec::GridSize(spec::Space(complete)));
  if (complete.budget().trials() > 0) trials = std::min(trials, complete.budget().trials());
  return trials * complete.search().replicates();
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
