#include "server/search/random_sampler.h"

#include "common/random.h"

namespace tpsweep::server {
namespace {

class RandomSampler final : public Sampler {
 public:
  RandomSampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space), key_(DeriveSeed(spec.search().seed(), "search")) {}

  std::optional<Proposal> Propose(int64_t number, int attempt, const History&) const override {
    return Proposal{space_.Draw(key_, number, attempt), "random"};
  }

 private:
  const SearchSpace& space_;
  const uint64_t key_;
};

}  // namespace

std::unique_ptr<Sampler> MakeRandomSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<RandomSampler>(spec, space);
}

}  // namespace tpsweep::server
