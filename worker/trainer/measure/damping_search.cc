#include "worker/trainer/measure/damping_search.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "worker/trainer/measure/vectors.h"

namespace tpsweep::trainer {

DampingSearch::DampingSearch(int num_hidden_layers)
    : sum(kNumDampings * static_cast<size_t>(num_hidden_layers)), count(sum.size()) {}

void DampingSearch::Add(int layer, size_t damping, double angle) {
  if (std::isnan(angle)) return;
  const size_t at = (static_cast<size_t>(layer) - 1) * kNumDampings + damping;
  sum[at] += angle;
  ++count[at];
}

bool DampingSearch::IsLegal() const {
  for (size_t i = 0; i < sum.size(); ++i) {
    if (!(count[i] >= 0) || !(sum[i] >= 0) || !(sum[i] <= 180 * count[i])) return false;
  }
  return true;
}

void DampingSearch::AddResults(v1::Measurement& measurement) const {
  const size_t num_hidden = sum.size() / kNumDampings;
  std::vector<double> best(num_hidden + 1, kNone), smallest(num_hidden, kNone);
  for (size_t damping = 0; damping < kNumDampings; ++damping) {
    std::vector<double> angles(num_hidden + 1, kNone);
    for (size_t layer = 0; layer < num_hidden; ++layer) {
      const size_t at = layer * kNumDampings + damping;
      if (count[at] == 0) continue;
      angles[layer] = sum[at] / count[at];
      if (angles[layer] >= smallest[layer]) continue;
      smallest[layer] = angles[layer];
      best[layer] = kDampings[damping];
    }
    AddVector(absl::StrCat("layer/damping_search/angle/", kDampings[damping]), angles, measurement);
  }
  AddVector("layer/damping_search/best", best, measurement);
}

}  // namespace tpsweep::trainer
