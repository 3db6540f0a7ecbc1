// Whether what takes the exact inverses of layers can have them (see training_checks.h).
#include <optional>

#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/invertible_layers.h"
#include "common/training/known_data.h"

namespace tpsweep::spec {
namespace {

void CheckLayers(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Network& network = spec.network();
  const std::optional<DataShape> known = KnownShape(spec.dataset());
  // Larger than any input, and a number of outputs that fits.
  constexpr DataShape kUnknown = {{1, 1 << 20, 1 << 20}, 1};
  const DataShape data = known.value_or(kUnknown);
  auto shapes = InferShapes(network, data.input, data.num_outputs);
  if (!shapes.ok()) return;  // CheckNetwork says why
  // Left to the run, which knows the data.
  if (!known && !network.square() && network.output_units() == 0) shapes->pop_back();
  AddStatus(CheckInvertibleLayers(spec, *shapes), path, problems);
}

template <class Rule>
void CheckCarry(const v1::TrainingSpec& spec, const Rule& rule, const std::string& path,
                Problems& problems) {
  if (rule.carry() == v1::CARRY_DIFFERENCE || spec.precision() == v1::PRECISION_FLOAT64) return;
  problems.Add(JoinPath(path, "carry"), EnumText(rule.carry()),
               " does not go with precision float32, whose rounding would drown the small steps; "
               "legal: difference, or set precision: float64");
}

}  // namespace

void CheckInverses(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  CheckLayers(spec, path, problems);
  if (spec.has_itp()) CheckCarry(spec, spec.itp(), JoinPath(path, "rule.itp"), problems);
  if (spec.has_gait()) CheckCarry(spec, spec.gait(), JoinPath(path, "rule.gait"), problems);
}

}  // namespace tpsweep::spec
