// Lists with one entry for each layer, and lists of layers (see training_checks.h).
#include <set>

#include "absl/strings/str_cat.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::spec {
namespace {

// One entry for all layers, or one for each.
void CheckLayerList(int entries, int layers, absl::string_view kind, const std::string& path,
                    Problems& problems) {
  if (entries == 1 || entries == layers) return;
  problems.Add(path, "has ", entries, " entries; legal: 1",
               layers <= 1 ? "" : absl::StrCat(", or ", layers, " (one for each ", kind, ")"));
}

void CheckOptimiser(const v1::Optimiser& optimiser, int layers, const std::string& path,
                    Problems& problems) {
  CheckLayerList(optimiser.lr_size(), layers, "layer", JoinPath(path, "lr"), problems);
  if (optimiser.has_adam()) {
    CheckLayerList(optimiser.adam().epsilon_size(), layers, "layer",
                   JoinPath(path, "algorithm.adam.epsilon"), problems);
  }
  if (optimiser.has_rmsprop()) {
    CheckLayerList(optimiser.rmsprop().epsilon_size(), layers, "layer",
                   JoinPath(path, "algorithm.rmsprop.epsilon"), problems);
  }
}

void CheckTrainedLayers(const v1::TrainingSpec& spec, int layers, const std::string& path,
                        Problems& problems) {
  std::set<int32_t> seen;
  for (int i = 0; i < spec.trained_layers_size(); ++i) {
    const int32_t layer = spec.trained_layers(i);
    const std::string at = absl::StrCat(JoinPath(path, "trained_layers"), "[", i, "]");
    if (layer < 1 || layer > layers) {
      problems.Add(at, layer, " is not in [1, ", layers, "]: the network has ", layers, " layers");
    } else if (!seen.insert(layer).second) {
      problems.Add(at, layer, " is there twice");
    }
  }
}

}  // namespace

void CheckLayerLists(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const int layers = NumLayers(spec.network());
  CheckOptimiser(spec.forward(), layers, JoinPath(path, "forward"), problems);
  CheckOptimiser(spec.feedback(), layers, JoinPath(path, "feedback"), problems);
  CheckLayerList(spec.measure().damping_size(), layers - 1, "hidden layer",
                 JoinPath(path, "measure.damping"), problems);
  CheckTrainedLayers(spec, layers, path, problems);
}

}  // namespace tpsweep::spec
