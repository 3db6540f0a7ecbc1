// Asynchronous successive halving, in the form that promotes; PASHA is it with a top
// that moves.
#pragma once

#include "server/schedule/rungs.h"

namespace tpsweep::server {

// Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020),
// algorithm 2: when a slot is free, the rungs are looked through from the top; in rung k
// the best floor(n_k / eta) of its n_k trials may go on, and the best of these that has
// not is promoted.
class PromotingAsha : public RungScheduler {
 public:
  PromotingAsha(std::vector<int64_t> epochs, int64_t eta)
      : RungScheduler(std::move(epochs)), eta_(eta) {}

  std::optional<Advance> Next() const override { return PromoteBelow(rungs_.size() - 1); }

 protected:
  int64_t May(int rung) const override {
    return static_cast<int64_t>(rungs_.places(rung).size()) / eta_;
  }

  // To rung `top` or below.
  std::optional<Advance> PromoteBelow(int top) const;

 private:
  const int64_t eta_;
};

}  // namespace tpsweep::server
