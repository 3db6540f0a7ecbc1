#include "worker/trainer/run/state_file.h"

#include <google/protobuf/text_format.h>

#include <cstring>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

template <class S>
using RowMajor = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class S>
constexpr TensorType kTypeOf = sizeof(S) == 4 ? TensorType::kFloat32 : TensorType::kFloat64;

template <class S>
std::vector<int64_t> ShapeOf(const Matrix<S>& value) {
  return {value.rows(), value.cols()};
}

std::vector<int64_t> ShapeOf(const std::vector<double>& value) {
  return {static_cast<int64_t>(value.size())};
}

template <class T>
std::string BytesOf(const T* data, size_t count) {
  return std::string(reinterpret_cast<const char*>(data), count * sizeof(T));
}

template <class S>
Tensor ToTensor(const Matrix<S>& value) {
  const RowMajor<S> rows = value;
  return {kTypeOf<S>, ShapeOf(value), BytesOf(rows.data(), static_cast<size_t>(rows.size()))};
}

template <class S>
void FromBytes(const std::string& bytes, Matrix<S>& value) {
  RowMajor<S> rows(value.rows(), value.cols());
  if (rows.size() > 0) std::memcpy(rows.data(), bytes.data(), bytes.size());
  value = rows;
}

constexpr char kFormat[] = "tpsweep-checkpoint-1";

// The spec, without what may change between a checkpoint and its use.
std::string SpecText(v1::TrainingSpec spec) {
  spec.clear_epochs();
  spec.clear_threads_per_run();
  // Measurements change nothing, but the sums of a damping search are part of the state.
  if (!absl::c_linear_search(spec.measure().quantities(), v1::QUANTITY_DAMPING_SEARCH)) {
    spec.clear_measure();
  }
  std::string text;
  google::protobuf::TextFormat::PrintToString(spec, &text);
  return text;
}

// Makes all real numbers of a spec, or a part of one, unset.
void ClearRealNumbers(google::protobuf::Message& message) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE) {
      reflection.ClearField(&message, field);
    }
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) ClearRealNumbers(*reflection.MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i) {
      ClearRealNumbers(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

std::string KinText(v1::TrainingSpec spec) {
  ClearRealNumbers(spec);
  return SpecText(std::move(spec));
}

// The first lines in which two texts differ.
std::string Difference(absl::string_view theirs, absl::string_view ours) {
  const std::vector<absl::string_view> a = absl::StrSplit(theirs, '\n');
  const std::vector<absl::string_view> b = absl::StrSplit(ours, '\n');
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const auto line = [at](const std::vector<absl::string_view>& lines) {
    const absl::string_view text = at < lines.size() ? absl::StripAsciiWhitespace(lines[at]) : "";
    return absl::StrCat("'", absl::CHexEscape(text.substr(0, 200)), "'");
  };
  return absl::StrCat("it has ", line(a), ", this run has ", line(b));
}

std::string MetadataOf(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? std::string() : found->second;
}

absl::Status CheckFormat(const SafetensorsFile& file) {
  const std::string format = MetadataOf(file, "format");
  if (format == kFormat) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("checkpoint: its format is '",
                                                 absl::CHexEscape(format),
                                                 "'; this program reads '", kFormat, "'"));
}

absl::Status CheckSpec(const std::string& theirs, const std::string& ours) {
  if (theirs == ours) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("checkpoint: it is of another spec: ", Difference(theirs, ours)));
}

absl::Status CheckData(const SafetensorsFile& file, const v1::TrainingSpec& spec,
                       absl::string_view data_sha256) {
  if (MetadataOf(file, "data_sha256") == data_sha256) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("checkpoint: data set '", spec.dataset().name(),
                                                 "' had other content when it was made"));
}

}  // namespace

void WriteIdentity(const v1::TrainingSpec& spec, absl::string_view data_sha256,
                   SafetensorsFile& file) {
  file.metadata["format"] = kFormat;
  file.metadata["spec"] = SpecText(spec);
  file.metadata["data_sha256"] = std::string(data_sha256);
}

absl::Status CheckIdentity(const SafetensorsFile& file, const v1::TrainingSpec& spec,
                           absl::string_view data_sha256) {
  TP_RETURN_IF_ERROR(CheckFormat(file));
  TP_RETURN_IF_ERROR(CheckSpec(MetadataOf(file, "spec"), SpecText(spec)));
  return CheckData(file, spec, data_sha256);
}

absl::Status CheckKinship(const SafetensorsFile& file, const v1::TrainingSpec& spec,
                          absl::string_view data_sha256) {
  TP_RETURN_IF_ERROR(CheckFormat(file));
  v1::TrainingSpec theirs;
  if (!google::protobuf::TextFormat::ParseFromString(MetadataOf(file, "spec"), &theirs)) {
    return absl::InvalidArgumentError("checkpoint: its spec cannot be read");
  }
  TP_RETURN_IF_ERROR(CheckSpec(KinText(std::move(theirs)), KinText(spec)));
  return CheckData(file, spec, data_sha256);
}

void StateWriter::operator()(absl::string_view name, const Matrix<float>& value) {
  file_.tensors[std::string(name)] = ToTensor(value);
}
void StateWriter::operator()(absl::string_view name, const Matrix<double>& value) {
  file_.tensors[std::string(name)] = ToTensor(value);
}
void StateWriter::operator()(absl::string_view name, const std::vector<double>& value) {
  file_.tensors[std::string(name)] = {TensorType::kFloat64, ShapeOf(value),
                                      BytesOf(value.data(), value.size())};
}
void StateWriter::operator()(absl::string_view name, double value) {
  file_.tensors[std::string(name)] = {TensorType::kFloat64, {}, BytesOf(&value, 1)};
}
void StateWriter::operator()(absl::string_view name, int64_t value) {
  file_.tensors[std::string(name)] = {TensorType::kInt64, {}, BytesOf(&value, 1)};
}

void StateChecker::operator()(absl::string_view name, const Matrix<float>& value) {
  Expect(name, TensorType::kFloat32, ShapeOf(value));
}
void StateChecker::operator()(absl::string_view name, const Matrix<double>& value) {
  Expect(name, TensorType::kFloat64, ShapeOf(value));
}
void StateChecker::operator()(absl::string_view name, const std::vector<double>& value) {
  Expect(name, TensorType::kFloat64, ShapeOf(value));
}
void StateChecker::operator()(absl::string_view name, double) {
  Expect(name, TensorType::kFloat64, {});
}
void StateChecker::operator()(absl::string_view name, int64_t) {
  Expect(name, TensorType::kInt64, {});
}

void StateChecker::Expect(absl::string_view name, TensorType type,
                          const std::vector<int64_t>& shape) {
  expected_.emplace(name);
  if (!status_.ok()) return;
  const auto found = file_.tensors.find(std::string(name));
  if (found == file_.tensors.end()) {
    status_ = absl::InvalidArgumentError(absl::StrCat("checkpoint: '", name, "' is missing"));
  } else if (found->second.type != type) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("checkpoint: '", name, "' has numbers of another type"));
  } else if (found->second.shape != shape) {
    status_ = absl::InvalidArgumentError(absl::StrCat("checkpoint: '", name, "' has shape [",
                                                      absl::StrJoin(found->second.shape, ", "),
                                                      "], not [", absl::StrJoin(shape, ", "), "]"));
  }
}

absl::Status StateChecker::Finish() {
  for (const auto& [name, tensor] : file_.tensors) {
    if (!status_.ok()) break;
    if (!expected_.contains(name)) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("checkpoint: '", name, "' is no part of this run's state"));
    }
  }
  return status_;
}

void StateReader::operator()(absl::string_view name, Matrix<float>& value) {
  FromBytes(DataOf(name), value);
}
void StateReader::operator()(absl::string_view name, Matrix<double>& value) {
  FromBytes(DataOf(name), value);
}
void StateReader::operator()(absl::string_view name, std::vector<double>& value) {
  const std::string& bytes = DataOf(name);
  if (!value.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
}
void StateReader::operator()(absl::string_view name, double& value) {
  std::memcpy(&value, DataOf(name).data(), sizeof(value));
}
void StateReader::operator()(absl::string_view name, int64_t& value) {
  std::memcpy(&value, DataOf(name).data(), sizeof(value));
}

const std::string& StateReader::DataOf(absl::string_view name) const {
  return file_.tensors.at(std::string(name)).data;
}

}  // namespace tpsweep::trainer
