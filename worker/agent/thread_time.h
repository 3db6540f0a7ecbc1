// How many threads a run has had, averaged over its time.
#pragma once

#include "absl/time/time.h"
#include "common/clock.h"

namespace tpsweep::agent {

// Not thread-safe.
class ThreadTime {
 public:
  // Begins now, with one thread. `clock` must outlive it.
  explicit ThreadTime(Clock& clock) : clock_(clock), begin_(clock.Elapsed()), since_(begin_) {}

  // From now on it has `threads`.
  void Set(int threads) {
    Add();
    threads_ = threads;
  }
  // Until now. 1 if no time has passed.
  double Mean() {
    Add();
    return since_ > begin_ ? absl::FDivDuration(thread_time_, since_ - begin_) : 1;
  }

 private:
  void Add() {
    const absl::Duration now = clock_.Elapsed();
    thread_time_ += threads_ * (now - since_);
    since_ = now;
  }

  Clock& clock_;
  const absl::Duration begin_;
  absl::Duration since_;
  absl::Duration thread_time_;
  int threads_ = 1;
};

}  // namespace tpsweep::agent
