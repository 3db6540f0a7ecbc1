// Proposes the configurations of a study.
//
// A sampler is pure: the space, the seed and what is known so far go in, a
// configuration comes out. It knows no clock, no store and no RPC, holds no
// state between calls, and gives the same answer whenever it is asked again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

using Configuration = std::vector<v1::Assignment>;  // active parameters, in the order of the space

class Sampler {
 public:
  virtual ~Sampler() = default;

  // The configuration of trial `number` (0, 1, ...), or nothing if the sampler
  // has no more. `history`: the trials created so far, in order of number.
  virtual std::optional<Configuration> Propose(int64_t number,
                                               absl::Span<const v1::Trial> history) const = 0;

  // How many trials it will propose; -1 if that is not known.
  virtual int64_t TrialCount() const = 0;
};

// The sampler that a validated spec asks for.
std::unique_ptr<Sampler> MakeSampler(const v1::StudySpec& spec);

// One row a sampler; tests/conformance runs over all of them, and
// `tpsweep describe samplers` documents each from its proto message.
struct SamplerEntry {
  v1::Sampler::SamplerCase kind;
  std::unique_ptr<Sampler> (*make)(const v1::StudySpec& spec);
};
absl::Span<const SamplerEntry> Samplers();

}  // namespace tpsweep::server
