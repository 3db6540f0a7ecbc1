#include "worker/trainer/data/generated.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/training/known_data.h"
#include "worker/trainer/data/byte_source.h"
#include "worker/trainer/network.h"

namespace tpsweep::trainer {
namespace {

constexpr int64_t kMaxWeights = int64_t{1} << 27;  // 1 GiB
constexpr int64_t kMaxNumbers = int64_t{1} << 29;  // 4 GiB

// What the generators have in common.
struct Task {
  v1::Network teacher;         // activations, initialiser, widths of the hidden layers
  double bias_bound = 0;       // of the teacher's biases, U(-bound, bound); 0: it has none
  bool inputs_normal = false;  // N(0, 1), else U(-1, 1)
  int64_t inputs = 0, outputs = 0;
  int64_t train = 0, test = 0;
  uint64_t seed = 0;
};

template <class Generator>
Task SizesOf(const Generator& generator) {
  Task task;
  task.inputs = generator.inputs();
  task.outputs = generator.outputs();
  task.train = generator.train();
  task.test = generator.test();
  task.seed = generator.seed();
  task.teacher.set_output_activation(v1::ACTIVATION_LINEAR);
  return task;
}

Task TaskOf(const v1::StudentTeacher& generator) {
  Task task = SizesOf(generator);
  task.teacher.set_activation(v1::ACTIVATION_RELU);
  task.teacher.set_initialiser(v1::INITIALISER_TEACHER);
  *task.teacher.mutable_hidden() = generator.teacher_hidden();
  return task;
}

Task TaskOf(const v1::LinearRegression& generator) {
  Task task = SizesOf(generator);
  task.teacher.set_initialiser(v1::INITIALISER_UNIFORM);
  task.teacher.set_uniform_bound(1);
  task.inputs_normal = true;
  return task;
}

Task TaskOf(const v1::NonlinearRegression& generator) {
  Task task = SizesOf(generator);
  task.teacher.set_activation(v1::ACTIVATION_TANH);
  task.teacher.set_initialiser(v1::INITIALISER_UNIFORM);
  task.teacher.set_uniform_bound(generator.weight_bound());
  task.teacher.set_bias(true);
  *task.teacher.mutable_hidden() = generator.teacher_hidden();
  task.bias_bound = generator.weight_bound();
  task.inputs_normal = true;
  return task;
}

Task TaskOf(const v1::Dataset& spec) {
  switch (spec.generator_case()) {
    case v1::Dataset::kLinearRegression:
      return TaskOf(spec.linear_regression());
    case v1::Dataset::kNonlinearRegression:
      return TaskOf(spec.nonlinear_regression());
    default:
      return TaskOf(spec.student_teacher());
  }
}

absl::Status CheckSize(const v1::Dataset& spec, const Task& task) {
  const std::string path = absl::StrCat("dataset.", GeneratorField(spec));
  int64_t weights = 0;
  int64_t below = task.inputs;
  for (const int32_t units : task.teacher.hidden()) {
    weights += below * units;
    below = units;
  }
  weights += below * task.outputs;
  if (weights > kMaxWeights) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, task.teacher.hidden().empty() ? ".inputs" : ".teacher_hidden",
                     ": makes ", weights, " weights; at most ", kMaxWeights, " are legal"));
  }
  const int64_t samples = task.train + spec.validation() + task.test;
  if (samples > kMaxNumbers / (task.inputs + task.outputs)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", samples, " samples (train, test and dataset.validation) of ",
        task.inputs + task.outputs, " numbers; at most ", kMaxNumbers, " numbers are legal"));
  }
  return absl::OkStatus();
}

Network<double> MakeTeacher(const Task& task) {
  std::vector<Index> widths = {task.inputs};
  widths.insert(widths.end(), task.teacher.hidden().begin(), task.teacher.hidden().end());
  widths.push_back(task.outputs);
  Network<double> teacher(task.teacher, widths, /*layers_without_bias=*/{},
                          DeriveSeed(task.seed, "teacher"));
  RandomStream random(DeriveSeed(task.seed, "teacher biases"));
  for (int l = 1; l <= teacher.num_layers(); ++l) {
    Parameter<double>* bias = teacher.bias(l);
    for (Index i = 0; bias != nullptr && i < bias->value.size(); ++i) {
      bias->value(i) = task.bias_bound * (2 * random.NextUniform() - 1);
    }
  }
  return teacher;
}

Samples MakeSamples(const Network<double>& teacher, bool inputs_normal, int64_t count,
                    uint64_t key) {
  constexpr Index kBatch = 256;
  const Index inputs = teacher.size(0);
  const Index outputs = teacher.size(teacher.num_layers());
  std::vector<double> x(static_cast<size_t>(count * inputs));
  RandomStream random(key);
  for (double& value : x) {
    value = inputs_normal ? random.NextNormal() : 2 * random.NextUniform() - 1;
  }

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

absl::StatusOr<std::shared_ptr<const DataSet>> MakeGenerated(const v1::Dataset& spec) {
  const Task task = TaskOf(spec);
  TP_RETURN_IF_ERROR(CheckSize(spec, task));
  const Network<double> teacher = MakeTeacher(task);
  auto set = std::make_shared<DataSet>();
  set->name = spec.name();
  set->shape = {task.inputs, 1, 1};
  set->num_outputs = task.outputs;
  set->is_classification = false;
  set->train = MakeSamples(teacher, task.inputs_normal, task.train + spec.validation(),
                           DeriveSeed(task.seed, "train"));
  set->test = MakeSamples(teacher, task.inputs_normal, task.test, DeriveSeed(task.seed, "test"));
  set->provenance = absl::StrCat("generated from dataset.", GeneratorField(spec));
  set->sha256 = Sha256Hex(absl::StrCat(Digest(set->train), "\n", Digest(set->test)));
  return std::shared_ptr<const DataSet>(set);
}

}  // namespace tpsweep::trainer
