// A coordinator and a worker that trains whatever it is given, at once.
#pragma once

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {

// Trains whatever it is given, at once, to where the lease says. A trial's value at an
// epoch is a function of its learning rate and the replicate alone.
class SchedulingTest : public CoordinatorTest {
 protected:
  // Not a number: the run diverges there.
  virtual double Value(const v1::Lease& lease, int64_t epoch) const {
    const double lr = lease.training().forward().lr(0);
    const double seed = static_cast<double>(lease.training().seed() % 1000) / 1e6;
    return std::abs(std::log10(lr) + 3.5) + 1 / static_cast<double>(epoch) + seed;
  }

  // One lease, to its rung or its end.
  void TrainOne(const v1::Lease& lease) {
    const int64_t last =
        lease.pause_after_epoch() > 0 ? lease.pause_after_epoch() : lease.training().epochs();
    const int64_t first = lease.checkpoint().epoch() + 1;
    started_.emplace_back(lease.attempt(), first);
    for (int64_t epoch = first; epoch <= last; ++epoch) {
      v1::WorkerMessage message;
      message.mutable_report()->set_attempt(lease.attempt());
      v1::Measurement& measurement = *message.mutable_report()->add_measurements();
      measurement.set_sequence(epoch);
      measurement.set_epoch(epoch);
      const double value = Value(lease, epoch);
      if (std::isnan(value)) {
        TP_ASSERT_OK(worker_.Complete(lease.attempt(), epoch - 1, v1::ATTEMPT_OUTCOME_INFEASIBLE));
        return;
      }
      (*measurement.mutable_scalars())["validation/error"] = value;
      TP_ASSERT_OK(worker_.Say(message));
      ++epochs_trained_;
    }
    if (lease.pause_after_epoch() > 0 || lease.keep_final()) {
      const std::string bytes = absl::StrCat(lease.attempt(), " at ", last);
      TP_ASSERT_OK(worker_.LeaveCheckpoint(lease.attempt(), MakeCheckpoint(1, last, bytes), bytes));
    }
    TP_ASSERT_OK(worker_.Complete(lease.attempt(), last,
                                  lease.pause_after_epoch() > 0 ? v1::ATTEMPT_OUTCOME_PAUSED
                                                                : v1::ATTEMPT_OUTCOME_COMPLETED));
  }
  // Up to `most` leases, one at a time. False when there are none any more.
  bool Train(int most = 10000) {
    TP_EXPECT_OK(worker_.Connect(*coordinator_));
    for (int i = 0; i < most; ++i) {
      TP_EXPECT_OK(worker_.Offer(1));
      Flush();
      const std::vector<v1::Lease> leases = worker_.TakeWholeLeases();
      if (leases.empty()) return false;
      for (const v1::Lease& lease : leases) TrainOne(lease);
    }
    Flush();
    return true;
  }
  std::map<v1::TrialState, int> States(const std::string& study) {
    std::map<v1::TrialState, int> states;
    for (const v1::Trial& trial : Trials(study)) ++states[trial.state()];
    return states;
  }

  FakeWorker worker_{"w", "w1"};
  int64_t epochs_trained_ = 0;
  std::vector<std::pair<std::string, int64_t>> started_;  // attempts and their first epochs
};

}  // namespace tpsweep::server
