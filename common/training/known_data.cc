#include "common/training/known_data.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/str_replace.h"

namespace tpsweep {
namespace {

constexpr struct {
  const char* name;
  DataShape shape;
} kKnown[] = {
    {"mnist", {{1, 28, 28}, 10, 60000, 10000}},
    {"fashion-mnist", {{1, 28, 28}, 10, 60000, 10000}},
    {"cifar10", {{3, 32, 32}, 10, 50000, 10000}},
};

const google::protobuf::OneofDescriptor& Generators() {
  return *v1::Dataset::descriptor()->FindOneofByName("generator");
}

template <class Generator>
DataShape ShapeOf(const v1::Dataset& dataset, const Generator& generator) {
  // Samples for validation are made beside those to train on.
  return {{generator.inputs(), 1, 1},
          generator.outputs(),
          generator.train() + dataset.validation(),
          generator.test()};
}

std::optional<DataShape> ShapeOfData(const v1::Dataset& dataset) {
  switch (dataset.generator_case()) {
    case v1::Dataset::kStudentTeacher:
      return ShapeOf(dataset, dataset.student_teacher());
    case v1::Dataset::kLinearRegression:
      return ShapeOf(dataset, dataset.linear_regression());
    case v1::Dataset::kNonlinearRegression:
      return ShapeOf(dataset, dataset.nonlinear_regression());
    case v1::Dataset::GENERATOR_NOT_SET:
      break;
  }
  for (const auto& known : kKnown) {
    if (dataset.name() == known.name) return known.shape;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> GeneratedNames() {
  std::vector<std::string> names;
  for (int i = 0; i < Generators().field_count(); ++i) {
    names.push_back(absl::StrReplaceAll(Generators().field(i)->name(), {{"_", "-"}}));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsGenerated(absl::string_view name) { return absl::c_linear_search(GeneratedNames(), name); }

std::string GeneratorField(const v1::Dataset& dataset) {
  const auto* field = dataset.GetReflection()->GetOneofFieldDescriptor(dataset, &Generators());
  return field == nullptr ? "" : field->name();
}

bool IsRegression(const v1::Dataset& dataset) {
  return dataset.generator_case() != v1::Dataset::GENERATOR_NOT_SET ||
         dataset.targets() == v1::TARGETS_INPUTS;
}

std::optional<DataShape> KnownShape(const v1::Dataset& dataset) {
  std::optional<DataShape> shape = ShapeOfData(dataset);
  if (shape && dataset.targets() == v1::TARGETS_INPUTS) shape->num_outputs = shape->input.size();
  return shape;
}

}  // namespace tpsweep
