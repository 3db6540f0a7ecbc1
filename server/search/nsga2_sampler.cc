#include "server/search/nsga2_sampler.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"
#include "server/search/nsga2.h"
#include "server/search/sobol_sampler.h"

namespace tpsweep::server {
namespace {

constexpr double kCrossoverRate = 0.9;
constexpr double kCrossoverIndex = 20;
constexpr double kMutationIndex = 20;

// One of the two children of simulated binary crossover.
double Cross(double a, double b, RandomStream& random) {
  const double u = random.NextUniform();
  const double power = 1 / (kCrossoverIndex + 1);
  const double beta = u < 0.5 ? std::pow(2 * u, power) : std::pow(1 / (2 * (1 - u)), power);
  const double sign = random.NextUniform() < 0.5 ? 1 : -1;
  return 0.5 * (a + b + sign * beta * (b - a));
}

double Mutate(double x, RandomStream& random) {
  const double u = random.NextUniform();
  const double power = 1 / (kMutationIndex + 1);
  return x + (u < 0.5 ? std::pow(2 * u, power) - 1 : 1 - std::pow(2 * (1 - u), power));
}

class Nsga2Sampler final : public Sampler {
 public:
  Nsga2Sampler(const v1::StudySpec& spec, const SearchSpace& space)
      : space_(space),
        population_(spec.search().sampler().nsga2().population()),
        key_(DeriveSeed(spec.search().seed(), "nsga2")) {}

  std::optional<Proposal> Propose(int64_t number, int attempt,
                                  const History& history) const override {
    if (history.num_ended() < population_) {
      return Proposal{SobolPoint(space_, key_, number, attempt), "startup"};
    }
    RandomStream random(DeriveSeed(DeriveSeed(key_, static_cast<uint64_t>(number)),
                                   static_cast<uint64_t>(attempt)));
    const std::vector<int> parents = Parents(history);
    const auto a = history.point(Tournament(parents, random));
    const auto b = history.point(Tournament(parents, random));
    return Proposal{Child(a, b, random), "nsga2"};
  }

 private:
  // Rows, best first.
  std::vector<int> Parents(const History& history) const {
    std::vector<int> rows;
    std::vector<Candidate> candidates;
    for (int row = 0; row < history.num_rows(); ++row) {
      if (history.outcome(row) == Outcome::kMeasured) {
        const auto objectives = history.objectives(row);
        candidates.push_back({{objectives.begin(), objectives.end()}, history.violation(row)});
      } else if (history.outcome(row) == Outcome::kBad) {
        candidates.push_back(
            {std::vector<double>(static_cast<size_t>(history.num_objectives())), INFINITY});
      } else {
        continue;
      }
      rows.push_back(row);
    }
    std::vector<int> best = BestByFront(candidates, static_cast<size_t>(population_));
    for (int& i : best) i = rows[static_cast<size_t>(i)];
    return best;
  }

  // The better of two.
  static int Tournament(const std::vector<int>& parents, RandomStream& random) {
    const uint64_t first = random.NextBelow(parents.size());
    const uint64_t second = random.NextBelow(parents.size());
    return parents[std::min(first, second)];
  }

  Point Child(absl::Span<const double> a, absl::Span<const double> b, RandomStream& random) const {
    const bool is_crossed = random.NextUniform() < kCrossoverRate;
    return space_.Fill([&](int i, const Point&) {
      const Axis& axis = space_.axis(i);
      double of_a = a[static_cast<size_t>(i)];
      double of_b = b[static_cast<size_t>(i)];
      if (IsAbsent(of_a)) of_a = of_b;
      if (IsAbsent(of_b)) of_b = of_a;
      const bool is_mutated = random.NextUniform() * space_.size() < 1;
      if (IsAbsent(of_a) || (is_mutated && axis.is_categorical())) {
        return axis.Draw(random.NextUniform());
      }
      double child = of_a;
      if (is_crossed && random.NextUniform() < 0.5) {
        child = axis.is_categorical() ? of_b : Cross(of_a, of_b, random);
      }
      if (axis.is_categorical()) return child;
      return axis.Snap(is_mutated ? Mutate(child, random) : child);
    });
  }

  const SearchSpace& space_;
  const int population_;
  const uint64_t key_;
};

}  // namespace

std::unique_ptr<Sampler> MakeNsga2Sampler(const v1::StudySpec& spec, const SearchSpace& space) {
  return std::make_unique<Nsga2Sampler>(spec, space);
}

}  // namespace tpsweep::server
