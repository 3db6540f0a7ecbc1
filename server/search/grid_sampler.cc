#include "server/search/grid_sampler.h"

#include "server/search/grid.h"

namespace tpsweep::server {
namespace {

class GridSampler final : public Sampler {
 public:
  explicit GridSampler(const SearchSpace& space) : grid_(space) {}

  std::optional<Proposal> Propose(int64_t number, int /*attempt*/, const History&) const override {
    if (number >= grid_.size()) return std::nullopt;
    return Proposal{grid_.At(number), "grid"};
  }

 private:
  const Grid grid_;
};

}  // namespace

std::unique_ptr<Sampler> MakeGridSampler(const v1::StudySpec&, const SearchSpace& space) {
  return std::make_unique<GridSampler>(space);
}

}  // namespace tpsweep::server
