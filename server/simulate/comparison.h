// Sweeps over one space, simulated on recorded curves with many seeds and beside one
// another: how soon each finds what.
//
// Pure: the same arguments give the same figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/statistics/summary.h"
#include "server/simulate/recording.h"

namespace tpsweep::server {

struct SimulatedSweep {
  std::string name;
  v1::StudySpec spec;  // complete
};

// The sweep of a file that has `search` and, if it likes, `budget`; all else is that of the
// recording. kInvalidArgument with file, line and column.
absl::StatusOr<SimulatedSweep> ReadSimulatedSweep(const std::string& text, const std::string& file,
                                                  const v1::StudySpec& recorded);

struct ComparisonOptions {
  std::vector<int> slots = {1};
  int seeds = 30;  // the study's seeds are 1, 2, ...
};

// Regret: the best objective of a run that was trained to its end, less the best of the
// recording; both at their ends, and as if minimised. Infinite before the first such run.
struct SweepFigures {
  int slots = 0;
  std::string sweep;
  // Means over the seeds.
  double trials = 0, epochs = 0, core_seconds = 0, seconds = 0;
  double regret = 0;                                    // at the end
  std::optional<statistics::Interval> regret_interval;  // Student's, 95 %
  // After so many epochs the mean regret is that of the first sweep at its end, or less.
  std::optional<int64_t> epochs_to_first;
  // The mean regret and its interval, from where every seed has one.
  struct Point {
    int64_t epochs;
    double regret;
    statistics::Interval interval;
  };
  std::vector<Point> course;
};

// In the order of slots, and then of sweeps.
std::vector<SweepFigures> CompareSweeps(const RecordedCurves& curves,
                                        absl::Span<const SimulatedSweep> sweeps,
                                        const ComparisonOptions& options);

// A line a sweep, for people; and the courses, a line a point, for programs.
std::string ToTable(absl::Span<const SweepFigures> figures);
std::string ToCsv(absl::Span<const SweepFigures> figures);

}  // namespace tpsweep::server
