// What is measured, and when (see training_checks.h).
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/known_data.h"
#include "common/training/layer_shapes.h"
#include "common/training/measure_memory.h"

namespace tpsweep::spec {
namespace {

void CheckMemory(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const std::optional<DataShape> data = KnownShape(spec.dataset());
  if (!data) return;
  const auto shapes = InferShapes(spec.network(), data->input, data->num_outputs);
  if (shapes.ok()) AddStatus(CheckMeasureMemory(spec, *shapes), path, problems);
}

}  // namespace

void CheckMeasure(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Measure& measure = spec.measure();
  const std::string at = JoinPath(path, "measure");
  std::set<int> seen;
  for (int i = 0; i < measure.quantities_size(); ++i) {
    if (seen.insert(measure.quantities(i)).second) continue;
    problems.Add(absl::StrCat(at, ".quantities[", i, "]"), EnumText(measure.quantities(i)),
                 " is there twice");
  }
  if (measure.every() > 0 && seen.empty()) {
    problems.Add(JoinPath(at, "quantities"), "is empty, and measure.every is ", measure.every(),
                 "; say what to measure, as in quantities: [bp_angle], or set every: 0");
  }
  CheckMemory(spec, path, problems);
  if (seen.count(v1::QUANTITY_DAMPING_SEARCH) == 0) return;
  if (measure.every() == 0) {
    problems.Add(JoinPath(at, "every"),
                 "0 measures nothing, and damping_search averages over "
                 "measurements; legal with it: 1 or more");
  } else if (measure.damping_search_epoch() > spec.epochs()) {
    problems.Add(JoinPath(at, "damping_search_epoch"), measure.damping_search_epoch(),
                 " is after the last epoch (", JoinPath(path, "epochs"), " is ", spec.epochs(),
                 ")");
  }
}

}  // namespace tpsweep::spec
