// Thins out the measurements of studies that ended long ago. What is left of each run are
// every so many-th epoch and, whatever their number, the first and the last epoch, those of
// the trial's rungs, the one that was selected, and the best by the study's objective: the
// same epochs in all replicates of a trial, so that their means stay means of all. What
// attempts measured that does not count goes altogether. Trials, runs, attempts and
// events stay as they are, and with them every result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace tpsweep::server {

struct CompactionOptions {
  absl::Time ended_before;
  int64_t keep_every = 10;  // epochs, 1 or more
  // Only finds out what would go.
  bool is_dry = false;
};

struct CompactedStudy {
  std::string name;  // without studies/
  int64_t measurements = 0;
  int64_t removed = 0;
};

// The studies that it concerned, in order of creation; not those that have been thinned out
// like that before and have not gone on since. Nothing else may change the store meanwhile.
// If it ends half-way, what it has removed is gone, and the next call goes on.
absl::StatusOr<std::vector<CompactedStudy>> Compact(const CompactionOptions& options, Store& store,
                                                    absl::Time now);

}  // namespace tpsweep::server
