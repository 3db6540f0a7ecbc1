#include "server/search/sampler.h"

#include "server/search/grid_sampler.h"
#include "server/search/random_sampler.h"

namespace tpsweep::server {
namespace {

constexpr SamplerEntry kSamplers[] = {
    {v1::Sampler::kGrid, &MakeGridSampler},
    {v1::Sampler::kRandom, &MakeRandomSampler},
};

}  // namespace

absl::Span<const SamplerEntry> Samplers() { return kSamplers; }

std::unique_ptr<Sampler> MakeSampler(const v1::StudySpec& spec) {
  for (const SamplerEntry& entry : kSamplers) {
    if (entry.kind == spec.search().sampler().sampler_case()) return entry.make(spec);
  }
  return nullptr;  // no validated spec gets here
}

}  // namespace tpsweep::server
