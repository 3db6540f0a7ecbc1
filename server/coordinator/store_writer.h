// The one writer of the store: changes queue here in the order in which they
// were made, and everything that waits becomes durable in one commit.
//
// A commit that fails is repeated, with back-off, until it succeeds: nothing
// that was enqueued is dropped. Meanwhile `Status` says what is wrong.
//
// Thread-safe. Enqueue never waits and does no I/O, so it may be called under
// another lock. Callbacks run on the writer's thread (or the caller of Flush or
// Expire) with no lock held.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "server/store/store.h"

namespace tpsweep::server {

struct StoreWriterOptions {
  // Back-off after a failed commit: doubles from `retry_min` to `retry_max`.
  absl::Duration retry_min = absl::Milliseconds(100);
  absl::Duration retry_max = absl::Seconds(5);
  // Waiting bytes above which HasRoom is false.
  int64_t max_queue_bytes = int64_t{64} << 20;
};

class StoreWriter {
 public:
  // A place in the order of changes; grows.
  using Ticket = uint64_t;

  // `store` and `clock` must outlive this object.
  StoreWriter(StoreWriterOptions options, Store& store, Clock& clock);
  // Stops.
  ~StoreWriter();

  // Starts the writer's thread. Without it (tests) only Flush writes.
  void Start();

  // Writes what is queued, trying no longer than `patience` if the store fails,
  // and ends the thread. Callbacks that still wait get kUnavailable.
  void Stop(absl::Duration patience = absl::ZeroDuration());

  // Calls `done`, if given, as WhenDurable does, but never from here.
  using Callback = std::function<void(const absl::Status&)>;
  Ticket Enqueue(WriteBatch batch, Callback done = nullptr);
  // The ticket of the latest batch.
  Ticket last_ticket() const;

  // Calls `done` with OK once everything up to `ticket` is durable, or with
  // kUnavailable after `limit`. At once, from here, if it is durable already.
  void WhenDurable(Ticket ticket, Callback done, absl::Duration limit = absl::InfiniteDuration());

  // Calls back the waiters whose limit has passed.
  void Expire();

  // OK, or kUnavailable: "store cannot write: <why>; retrying".
  absl::Status Status() const;

  // Whether the queue is short enough to take in more reports.
  bool HasRoom() const;
  // Calls `ready` when it is: at once, from here, if it is now. Dropped by Stop.
  void WhenRoom(std::function<void()> ready);

  // Called after each commit with the highest revision that is durable. Set it
  // before Start.
  void OnCommit(std::function<void(int64_t revision)> listener);

  // Tries to write what is queued now, once, on the caller's thread. Not while
  // the thread runs.
  absl::Status Flush();

 private:
  struct Waiter {
    Ticket ticket;
    absl::Duration deadline;  // on Clock::Elapsed
    Callback done;
  };

  void Loop();
  // Commits everything queued in one go, and calls back.
  absl::Status CommitOnce();
  // Whether the group whose commit failed is in the store nevertheless: the
  // engine did its work, but its answer was an error.
  bool WasStoredAfterAll() const;
  void GroupIsDurable();

  const StoreWriterOptions options_;
  Store& store_;
  Clock& clock_;
  std::function<void(int64_t)> listener_;
  std::thread thread_;

  mutable Mutex mu_;
  CondVar wake_;
  std::vector<WriteBatch> queue_ ABSL_GUARDED_BY(mu_);
  // Taken from the queue, not yet durable. Used by the committing thread only.
  std::vector<WriteBatch> group_;
  Ticket group_ticket_ = 0;
  int64_t queue_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t group_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  Ticket last_ticket_ ABSL_GUARDED_BY(mu_) = 0;
  Ticket durable_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Waiter> waiters_ ABSL_GUARDED_BY(mu_);
  std::vector<std::function<void()>> room_waiters_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration give_up_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
};

}  // namespace tpsweep::server
