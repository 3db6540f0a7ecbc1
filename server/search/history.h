// What a sampler knows of the trials of a study, as numbers.
//
// A row for each trial: first those imported from earlier studies, then the
// study's own, by number. Rows are only added. Samplers are functions of the rows,
// not of the order in which they ended: that is why a server started again on the
// same records decides alike.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/ranking.h"
#include "server/search/search_space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

enum class Outcome : uint8_t {
  kPending,   // has not ended
  kMeasured,  // all objectives are known
  kBad,       // infeasible or failed, or an objective is not known
  kNone,      // cancelled: says nothing
};

class History {
 public:
  // `space` must outlive it.
  History(const SearchSpace& space, const v1::StudySpec& spec);

  // An ended trial of another study.
  void Import(const v1::Trial& trial);
  // The study's next trial.
  void Add(const v1::Trial& trial);
  // What is known now of the study's trial in row `number`: it has ended, or waits at a
  // rung, in which case it may go on and get better.
  void Tell(int64_t number, const v1::Trial& trial);

  int num_rows() const { return static_cast<int>(outcomes_.size()); }
  int64_t num_trials() const { return num_rows() - num_imported_; }
  // Rows that are measured or bad. (A trial at a rung is measured.)
  int num_ended() const { return num_ended_; }
  int num_objectives() const { return static_cast<int>(signs_.size()); }

  absl::Span<const double> point(int row) const {
    return absl::MakeSpan(points_).subspan(At(row) * dimensions_, dimensions_);
  }
  Outcome outcome(int row) const { return outcomes_[At(row)]; }
  // Of a measured row: smaller is better.
  absl::Span<const double> objectives(int row) const {
    return absl::MakeSpan(objectives_).subspan(At(row) * signs_.size(), signs_.size());
  }
  // Of a measured row: by how much it breaks the constraints; 0 if by nothing.
  double violation(int row) const { return violations_[At(row)]; }

  // The ended rows by the first objective, best first: those that keep all
  // constraints, those that break them (the least broken first), the bad ones.
  // Equals by row.
  std::vector<int> Ranked() const;

 private:
  static size_t At(int row) { return static_cast<size_t>(row); }
  void AddRow(const v1::Trial& trial);
  void Measure(int row, const v1::Trial& trial);

  const SearchSpace& space_;
  const size_t dimensions_;
  std::vector<double> signs_;  // 1: minimise, -1: maximise
  const spec::Constraints constraints_;
  int num_imported_ = 0;
  int num_ended_ = 0;
  std::vector<double> points_;
  std::vector<Outcome> outcomes_;
  std::vector<double> objectives_;
  std::vector<double> violations_;
};

}  // namespace tpsweep::server
