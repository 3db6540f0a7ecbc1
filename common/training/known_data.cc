#include "common/training/known_data.h"

namespace tpsweep {
namespace {

constexpr struct {
  const char* name;
  DataShape shape;
} kKnown[] = {
    {"mnist", {{1, 28, 28}, 10}},
    {"fashion-mnist", {{1, 28, 28}, 10}},
    {"cifar10", {{3, 32, 32}, 10}},
};

}  // namespace

std::optional<DataShape> KnownShape(const v1::Dataset& dataset) {
  if (dataset.has_student_teacher()) {
    const v1::StudentTeacher& task = dataset.student_teacher();
    return DataShape{{task.inputs(), 1, 1}, task.outputs()};
  }
  for (const auto& known : kKnown) {
    if (dataset.name() == known.name) return known.shape;
  }
  return std::nullopt;
}

}  // namespace tpsweep
