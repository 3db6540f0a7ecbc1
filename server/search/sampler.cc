#include "server/search/sampler.h"

#include "server/search/cma_es_sampler.h"
#include "server/search/gp_sampler.h"
#include "server/search/grid_sampler.h"
#include "server/search/nsga2_sampler.h"
#include "server/search/random_sampler.h"
#include "server/search/sobol_sampler.h"
#include "server/search/tpe_sampler.h"

namespace tpsweep::server {
namespace {

constexpr SamplerEntry kSamplers[] = {
    {v1::Sampler::kGrid, &MakeGridSampler},   {v1::Sampler::kRandom, &MakeRandomSampler},
    {v1::Sampler::kSobol, &MakeSobolSampler}, {v1::Sampler::kTpe, &MakeTpeSampler},
    {v1::Sampler::kGp, &MakeGpSampler},       {v1::Sampler::kCmaEs, &MakeCmaEsSampler},
    {v1::Sampler::kNsga2, &MakeNsga2Sampler},
};

}  // namespace

absl::Span<const SamplerEntry> Samplers() { return kSamplers; }

std::unique_ptr<Sampler> MakeSampler(const v1::StudySpec& spec, const SearchSpace& space) {
  for (const SamplerEntry& entry : kSamplers) {
    if (entry.kind == spec.search().sampler().sampler_case()) return entry.make(spec, space);
  }
  return nullptr;  // no validated spec gets here
}

}  // namespace tpsweep::server
