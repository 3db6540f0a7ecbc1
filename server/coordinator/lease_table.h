// Who holds which attempt. A lease lasts as long as its worker is heard
// (worker_registry.h): it has no deadline of its own.
//
// Not thread-safe: guarded by the coordinator's lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/coordinator/study_state.h"
#include "tpsweep/v1/study.pb.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::server {

struct Lease {
  v1::Attempt attempt;  // with the worker's id
  std::string study;    // S, without studies/
  RunKey run;
  // What the worker trains; not kept over a restart of the server.
  std::optional<v1::TrainingSpec> training;
  // The grant is durable, so the worker may have it.
  bool is_granted = false;
  // Highest sequence of its measurements that was taken in, and that is durable.
  int64_t last_sequence = 0;
  int64_t durable_sequence = 0;
  // The same of the checkpoints that it made.
  int64_t last_checkpoint = 0;
  int64_t durable_checkpoint = 0;
  // Where it goes on, and after how much training it is to leave the next one.
  std::optional<v1::Checkpoint> checkpoint;
  absl::Duration checkpoint_interval;
  int64_t pause_after_epoch = 0;  // 0: no rung
  bool keep_final = false;
  std::optional<absl::Duration> time_left;  // of budget.run_seconds
  double mean_threads = 0;  // as its worker says at the end; 0: as the spec says, or one
};

class LeaseTable {
 public:
  // Null if nobody holds it.
  Lease* Find(const std::string& attempt) {
    const auto found = leases_.find(attempt);
    return found == leases_.end() ? nullptr : &found->second;
  }
  void Add(Lease lease) { leases_[lease.attempt.name()] = std::move(lease); }
  void Remove(const std::string& attempt) { leases_.erase(attempt); }

  std::vector<std::string> OfStudy(const std::string& study) const {
    std::vector<std::string> names;
    for (const auto& [name, lease] : leases_) {
      if (lease.study == study) names.push_back(name);
    }
    return names;
  }

 private:
  std::map<std::string, Lease> leases_;
};

}  // namespace tpsweep::server
