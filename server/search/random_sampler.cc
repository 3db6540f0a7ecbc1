#include "server/search/random_sampler.h"

#include "common/random.h"
#include "server/search/domain.h"
#include "server/search/search_space.h"

namespace tpsweep::server {
namespace {

class RandomSampler final : public Sampler {
 public:
  explicit RandomSampler(const v1::StudySpec& spec)
      : space_(spec),
        key_(DeriveSeed(spec.search().seed(), "search")),
        trials_(space_.WithinBudget(spec.search().sampler().random().trials())) {}

  std::optional<Configuration> Propose(int64_t number, absl::Span<const v1::Trial>) const override {
    if (number < 0 || number >= trials_) return std::nullopt;
    SpaceValues values(static_cast<size_t>(space_.size()));
    for (const int i : space_.order()) {
      if (!space_.Exists(i, values)) continue;
      values[static_cast<size_t>(i)] = DrawValue(space_.parameter(i), Uniform(number, i));
    }
    return space_.ToConfiguration(values);
  }

  int64_t TrialCount() const override { return trials_; }

 private:
  // In [0, 1), 53 bits. Each parameter has its own number, whether others exist
  // or not.
  double Uniform(int64_t number, int parameter) const {
    const auto n = static_cast<uint64_t>(number);
    const auto bits = Philox(key_, {static_cast<uint32_t>(n), static_cast<uint32_t>(n >> 32),
                                    static_cast<uint32_t>(parameter), 0});
    const uint64_t joined = static_cast<uint64_t>(bits[1]) << 32 | bits[0];
    return static_cast<double>(joined >> 11) * 0x1p-53;
  }

  SearchSpace space_;
  uint64_t key_;
  int64_t trials_;
};

}  // namespace

std::unique_ptr<Sampler> MakeRandomSampler(const v1::StudySpec& spec) {
  return std::make_unique<RandomSampler>(spec);
}

}  // namespace tpsweep::server
