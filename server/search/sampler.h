// Chooses the configurations of a study.
//
// A sampler is pure: the space, the seed and what is known so far go in, a point
// comes out. It knows no clock, no store and no RPC, holds no state between
// calls, and gives the same answer whenever it is asked again. What all samplers
// have in common (configurations given by the user, no configuration twice, when
// a study has no more) is in search.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/search/history.h"
#include "server/search/search_space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

struct Proposal {
  Point point;
  absl::string_view source;  // what chose it; a literal
};

class Sampler {
 public:
  virtual ~Sampler() = default;

  // The point of trial `number` (0, 1, ...), or nothing if there are no more.
  // `attempt`: how often it was asked for the same number before, because what it said
  // had been tried; another attempt gives another point, as a rule.
  virtual std::optional<Proposal> Propose(int64_t number, int attempt,
                                          const History& history) const = 0;
};

// The sampler that a validated spec asks for; `space` is that of the spec, and must
// outlive it.
std::unique_ptr<Sampler> MakeSampler(const v1::StudySpec& spec, const SearchSpace& space);

// One row a sampler; tests/conformance runs over all of them, and
// `tpsweep describe samplers` documents each from its proto message.
struct SamplerEntry {
  v1::Sampler::SamplerCase kind;
  std::unique_ptr<Sampler> (*make)(const v1::StudySpec& spec, const SearchSpace& space);
};
absl::Span<const SamplerEntry> Samplers();

}  // namespace tpsweep::server
