// The measurements of an attempt that are not acknowledged, in order: the oldest in memory,
// from where they are said; behind them perhaps some that are on disk only; and then the
// newest, in memory again.
//
// Knows no files: what is to be written and read is done by others, without the lock that
// guards this.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"

namespace tpsweep::agent {

// Not thread-safe.
class Backlog {
 public:
  // Holds nothing; the next measurement comes after `sequence`.
  void BeginAfter(int64_t sequence);
  // Holds what is on disk, from the one after `sequence` to `last`.
  void BeginOnDisk(int64_t sequence, int64_t last);

  // The next one in order. What the server has already is not kept.
  void Add(const v1::Measurement& measurement);
  // Everything up to `sequence` may be forgotten.
  void Acknowledge(int64_t sequence);

  int64_t last() const { return last_; }  // that was added
  int64_t acknowledged() const { return acknowledged_; }
  // Without a measurement up to here it cannot go on.
  int64_t needs() const { return oldest_.empty() ? oldest_end_ : oldest_.front().sequence() - 1; }
  int64_t size() const { return last_ - needs(); }
  int64_t bytes() const { return oldest_bytes_ + newest_bytes_; }  // in memory

  // What can be said now: up to this one, and from the one after needs().
  int64_t sayable_to() const { return oldest_end_; }
  const v1::Measurement& at(int64_t sequence) const {
    return oldest_[static_cast<size_t>(sequence - oldest_.front().sequence())];
  }

  // To disk: those in memory that were never written, and that they now are.
  std::vector<v1::Measurement> Unwritten() const;
  void Wrote(absl::Span<const v1::Measurement> measurements);
  // Everything in memory is on disk: only the oldest stay, in at most `bytes`.
  void KeepOnlyOldest(int64_t bytes);
  // All that was written is acknowledged: the file may go. Says so once.
  bool MayClearDisk();

  // From disk: there is room for what is not in memory; it is at `read_offset` or later, and
  // the last of it is `read_to`.
  bool WantsReading(int64_t bytes) const { return has_hole() && oldest_bytes_ < bytes; }
  int64_t read_offset() const { return read_offset_; }
  int64_t read_to() const { return hole_end_; }
  // What was read from read_offset() on, up to `end`. False if it is not what it should be.
  bool Read(absl::Span<const v1::Measurement> measurements, int64_t end);

 private:
  bool has_hole() const { return oldest_end_ < hole_end_; }
  // There is nothing between the oldest and the newest (any more).
  void CloseHole();

  std::deque<v1::Measurement> oldest_;  // up to oldest_end_, without a gap
  std::deque<v1::Measurement> newest_;  // the ones after hole_end_; empty without a hole
  int64_t oldest_bytes_ = 0;
  int64_t newest_bytes_ = 0;
  int64_t oldest_end_ = 0;
  int64_t hole_end_ = 0;  // on disk only: those after oldest_end_, up to this one
  int64_t last_ = 0;
  int64_t acknowledged_ = 0;
  int64_t written_ = 0;  // of those up to here, all that are not acknowledged are on disk
  bool has_file_ = false;
  int64_t read_offset_ = 0;
};

}  // namespace tpsweep::agent
