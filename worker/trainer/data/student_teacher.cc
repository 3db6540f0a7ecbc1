#include "worker/trainer/data/student_teacher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/status_macros.h"
#include "worker/trainer/data/byte_source.h"
#include "worker/trainer/network.h"

namespace tpsweep::trainer {
namespace {

constexpr int64_t kMaxWeights = int64_t{1} << 27;  // 1 GiB
constexpr int64_t kMaxNumbers = int64_t{1} << 29;  // 4 GiB

absl::Status CheckSize(const v1::Dataset& spec) {
  const v1::StudentTeacher& task = spec.student_teacher();
  int64_t weights = 0;
  int64_t below = task.inputs();
  for (const int32_t units : task.teacher_hidden()) {
    weights += below * units;
    below = units;
  }
  weights += below * task.outputs();
  if (weights > kMaxWeights) {
    return absl::InvalidArgumentError(absl::StrCat("dataset.student_teacher.teacher_hidden: makes ",
                                                   weights, " weights; at most ", kMaxWeights,
                                                   " are legal"));
  }
  const int64_t samples = task.train() + spec.validation() + task.test();
  if (samples > kMaxNumbers / (task.inputs() + task.outputs())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dataset.student_teacher: ", samples, " samples (train, test and dataset.validation) of ",
        task.inputs() + task.outputs(), " numbers; at most ", kMaxNumbers, " numbers are legal"));
  }
  return absl::OkStatus();
}

Network<double> MakeTeacher(const v1::StudentTeacher& task) {
  v1::Network spec;
  spec.set_activation(v1::ACTIVATION_RELU);
  spec.set_output_activation(v1::ACTIVATION_LINEAR);
  spec.set_initialiser(v1::INITIALISER_TEACHER);
  spec.set_bias(false);
  *spec.mutable_hidden() = task.teacher_hidden();
  std::vector<Index> widths = {task.inputs()};
  widths.insert(widths.end(), task.teacher_hidden().begin(), task.teacher_hidden().end());
  widths.push_back(task.outputs());
  return Network<double>(spec, widths, /*layers_without_bias=*/{},
                         DeriveSeed(task.seed(), "teacher"));
}

Samples MakeSamples(const Network<double>& teacher, int64_t count, uint64_t key) {
  constexpr Index kBatch = 256;
  const Index inputs = teacher.size(0);
  const Index outputs = teacher.size(teacher.num_layers());
  std::vector<double> x(static_cast<size_t>(count * inputs));
  RandomStream random(key);
  for (double& value : x) value = 2 * random.NextUniform() - 1;

  Samples samples;
  samples.target_width = outputs;
  samples.targets.resize(static_cast<size_t>(count * outputs));
  Pass<double> pass;
  for (Index begin = 0; begin < count; begin += kBatch) {
    const Index size = std::min(kBatch, count - begin);
    teacher.Forward(Eigen::Map<const Matrix<double>>(x.data() + begin * inputs, inputs, size),
                    pass);
    Eigen::Map<Matrix<double>>(samples.targets.data() + begin * outputs, outputs, size) =
        pass.h.back();
  }
  samples.inputs = std::move(x);
  return samples;
}

std::string Digest(const Samples& samples) {
  const auto bytes = [](const std::vector<double>& values) {
    return absl::string_view(reinterpret_cast<const char*>(values.data()),
                             values.size() * sizeof(double));
  };
  return absl::StrCat(Sha256Hex(bytes(std::get<std::vector<double>>(samples.inputs))), "\n",
                      Sha256Hex(bytes(samples.targets)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const DataSet>> MakeStudentTeacher(const v1::Dataset& spec) {
  TP_RETURN_IF_ERROR(CheckSize(spec));
  const v1::StudentTeacher& task = spec.student_teacher();
  const Network<double> teacher = MakeTeacher(task);
  auto set = std::make_shared<DataSet>();
  set->name = spec.name();
  set->shape = {task.inputs(), 1, 1};
  set->num_outputs = task.outputs();
  set->is_classification = false;
  set->train =
      MakeSamples(teacher, task.train() + spec.validation(), DeriveSeed(task.seed(), "train"));
  set->test = MakeSamples(teacher, task.test(), DeriveSeed(task.seed(), "test"));
  set->provenance = "generated from dataset.student_teacher";
  set->sha256 = Sha256Hex(absl::StrCat(Digest(set->train), "\n", Digest(set->test)));
  return std::shared_ptr<const DataSet>(set);
}

}  // namespace tpsweep::trainer
