#include "server/search/search.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/spec/field_path.h"
#include "common/spec/grid_size.h"
#include "server/search/perturbation.h"

namespace tpsweep::server {
namespace {

// How often a sampler is asked for a configuration that has not been tried, and
// how many are drawn at random when it does not find one.
constexpr int kAttempts = 8;
constexpr int kDraws = 1000;

uint64_t Fingerprint(absl::Span<const v1::Assignment> configuration) {
  std::string text;
  for (const v1::Assignment& assignment : configuration) {
    absl::StrAppend(&text, assignment.path(), "=", spec::ToText(assignment.value()), "\n");
  }
  return DeriveSeed(0, text);
}

}  // namespace

Search::Search(const v1::StudySpec& spec,
               const google::protobuf::RepeatedPtrField<v1::Trial>& imported)
    : space_(spec),
      search_(spec.search()),
      key_(DeriveSeed(spec.search().seed(), "untried")),
      history_(space_, spec),
      sampler_(MakeSampler(spec, space_)) {
  for (const v1::Trial& trial : imported) history_.Import(trial);
  trials_ = spec::TrialCount(spec);
  const double size = spec::GridSize(spec::Space(spec));
  if (size > spec::kLargestGrid) return;
  all_ = std::make_unique<Grid>(space_);
  const bool repeats = search_.repeats() && !search_.sampler().has_grid();
  if (!repeats) trials_ = std::min(trials_, all_->size());
}

void Search::Add(const v1::Trial& trial) {
  history_.Add(trial);
  const auto& parameters = trial.parameters();
  tried_.insert(Fingerprint(std::vector(parameters.begin(), parameters.end())));
}

void Search::Tell(int64_t number, const v1::Trial& trial) { history_.Tell(number, trial); }

bool Search::IsTried(const Configuration& configuration) const {
  return !search_.repeats() && tried_.contains(Fingerprint(configuration));
}

std::optional<Search::Next> Search::Propose() const {
  const int64_t number = history_.num_trials();
  if (number >= trials_) return std::nullopt;
  if (std::optional<Configuration> first = First(number)) return Next{*std::move(first), "first"};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<Proposal> proposal = sampler_->Propose(number, attempt, history_);
    if (!proposal) return std::nullopt;
    Configuration configuration = space_.ToConfiguration(proposal->point);
    if (IsTried(configuration)) continue;
    return Next{std::move(configuration), std::string(proposal->source)};
  }
  std::optional<Configuration> untried = Untried(number);
  if (!untried) return std::nullopt;
  return Next{*std::move(untried), "untried"};
}

Search::Next Search::GoOnFrom(const v1::Trial& parent) const {
  return {Perturb(space_, search_.scheduler().pbt(), search_.seed(), history_.num_trials(), parent),
          "pbt"};
}

std::optional<Configuration> Search::First(int64_t number) const {
  if (number >= search_.first_size()) return std::nullopt;
  const auto& given = search_.first(static_cast<int>(number)).values();
  const Point point = space_.ToPoint(given);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Configuration configuration = space_.ToConfiguration(space_.Fill([&](int i, const Point&) {
      const double coordinate = point[static_cast<size_t>(i)];
      return IsAbsent(coordinate) ? space_.DrawCoordinate(i, key_, number, attempt) : coordinate;
    }));
    for (v1::Assignment& assignment : configuration) {
      for (const v1::Assignment& value : given) {
        if (value.path() == assignment.path()) assignment = value;  // to the last digit
      }
    }
    if (!IsTried(configuration)) return configuration;
  }
  return std::nullopt;  // drawn before: the sampler has something else to try
}

std::optional<Configuration> Search::Untried(int64_t number) const {
  for (int attempt = 0; attempt < kDraws; ++attempt) {
    Configuration drawn = space_.ToConfiguration(space_.Draw(key_, number, attempt));
    if (!IsTried(drawn)) return drawn;
  }
  if (all_ == nullptr) return std::nullopt;
  const auto start = static_cast<int64_t>(DeriveSeed(key_, static_cast<uint64_t>(number)) %
                                          static_cast<uint64_t>(all_->size()));
  for (int64_t i = 0; i < all_->size(); ++i) {
    Configuration next = space_.ToConfiguration(all_->At((start + i) % all_->size()));
    if (!IsTried(next)) return next;
  }
  return std::nullopt;
}

}  // namespace tpsweep::server
