#include "server/search/sobol_sampler.h"

#include "common/random.h"
#include "server/search/sobol.h"

namespace tpsweep::server {
namespace {

class SobolSampler final : public Sampler {
 public:
  SobolSampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space), key_(DeriveSeed(spec.search().seed(), "sobol")) {}

  std::optional<Proposal> Propose(int64_t number, int attempt, const History&) const override {
    return Proposal{SobolPoint(space_, key_, number, attempt), "sobol"};
  }

 private:
  const SearchSpace& space_;
  const uint64_t key_;
};

}  // namespace

Point SobolPoint(const SearchSpace& space, uint64_t key, int64_t number, int attempt) {
  if (attempt > 0) return space.Draw(key, number, attempt);
  return space.Fill([&](int i, const Point&) {
    return space.axis(i).Draw(ScrambledSobol(key, i, static_cast<uint32_t>(number)));
  });
}

std::unique_ptr<Sampler> MakeSobolSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<SobolSampler>(spec, space);
}

}  // namespace tpsweep::server
