// Recorded learning curves, and what they say of a configuration that was not recorded:
// the curve of the nearest one that was.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/search/search_space.h"
#include "server/store/store.h"
#include "tpsweep/v1/recording.pb.h"

namespace tpsweep::server {

// The curves of `study` (its name as in its spec): of its runs that were trained to the
// end, or diverged.
//   kNotFound            there is no such study
//   kFailedPrecondition  none of its runs has a curve
absl::StatusOr<v1::Recording> Record(const Store& store, const std::string& study);

// As the text of a file (JSON), and back. What is read is foreign: kInvalidArgument says
// what is wrong with it; `file` is its name in messages.
std::string ToText(const v1::Recording& recording);
absl::StatusOr<v1::Recording> ParseRecording(const std::string& text, const std::string& file);

// Makes each objective the best that its curve had so far, which is what the objective
// selected/validation_error is of validation/error.
void TakeBestSoFar(v1::Recording& recording);

// Immutable, so thread-safe.
class RecordedCurves {
 public:
  // `recording` is legal, as Record and ParseRecording give it.
  explicit RecordedCurves(v1::Recording recording);

  const v1::StudySpec& spec() const { return recording_.spec(); }
  int size() const { return static_cast<int>(trials_.size()); }

  // The recorded trial nearest to the configuration: by the sum, over the parameters, of
  // the squares of their distances, on the scales of the space from 0 to 1; 1 for different
  // choices, and for a parameter that only one of both has. Of equals the first.
  int Nearest(const v1::Trial& trial) const;

  // Of the recorded trial `i`. The objective of a replicate after `epoch` epochs; not a
  // number where it had diverged. There are as many replicates as were recorded, and then
  // the same again.
  double Objective(int i, int64_t replicate, int64_t epoch) const;
  double EpochSeconds(int i) const;
  // The mean over its replicates at the end, times the sign of the goal (smaller is
  // better); infinity if all diverged.
  double Final(int i) const;
  // The smallest of them.
  double Best() const;

 private:
  struct Recorded {
    Point point;
    std::vector<const v1::Curve*> replicates;
  };
  const Recorded& trial(int i) const { return trials_[static_cast<size_t>(i)]; }

  v1::Recording recording_;
  SearchSpace space_;
  std::vector<Recorded> trials_;
};

}  // namespace tpsweep::server
