#include "server/coordinator/store_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/log.h"

namespace tpsweep::server {
namespace {

// Measurements are what can pile up; the rest is small and counted roughly.
int64_t RoughBytes(const WriteBatch& batch) {
  size_t bytes = 1024 * (1 + batch.runs.size() + batch.studies.size() + batch.events.size() +
                         batch.trials.size() + batch.attempts.size());
  for (const v1::MeasurementRecord& record : batch.measurements) bytes += record.ByteSizeLong();
  return static_cast<int64_t>(bytes);
}

int64_t LastRevision(const std::vector<WriteBatch>& group) {
  for (auto batch = group.rbegin(); batch != group.rend(); ++batch) {
    if (!batch->events.empty()) return batch->events.back().revision();
  }
  return 0;
}

}  // namespace

StoreWriter::StoreWriter(StoreWriterOptions options, Store& store, Clock& clock)
    : options_(options), store_(store), clock_(clock) {}

StoreWriter::~StoreWriter() { Stop(); }

void StoreWriter::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void StoreWriter::Stop(absl::Duration patience) {
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    give_up_at_ = std::min(give_up_at_, clock_.Elapsed() + patience);
    room_waiters_.clear();
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  std::deque<Waiter> rest;
  {
    MutexLock lock(mu_);
    rest.swap(waiters_);
  }
  for (Waiter& waiter : rest) waiter.done(absl::UnavailableError("the server is stopping"));
}

StoreWriter::Ticket StoreWriter::Enqueue(WriteBatch batch, Callback done) {
  const int64_t bytes = RoughBytes(batch);
  MutexLock lock(mu_);
  queue_.push_back(std::move(batch));
  queue_bytes_ += bytes;
  wake_.NotifyAll();
  ++last_ticket_;
  if (done) waiters_.push_back({last_ticket_, absl::InfiniteDuration(), std::move(done)});
  return last_ticket_;
}

StoreWriter::Ticket StoreWriter::last_ticket() const {
  MutexLock lock(mu_);
  return last_ticket_;
}

void StoreWriter::WhenDurable(Ticket ticket, Callback done, absl::Duration limit) {
  {
    MutexLock lock(mu_);
    if (ticket > durable_) {
      // Tickets are nearly in order already: look for the place from the back.
      auto place = waiters_.end();
      while (place != waiters_.begin() && std::prev(place)->ticket > ticket) --place;
      waiters_.insert(place, {ticket, clock_.Elapsed() + limit, std::move(done)});
      return;
    }
  }
  done(absl::OkStatus());
}

void StoreWriter::Expire() {
  std::vector<Waiter> late;
  absl::Status why;
  {
    MutexLock lock(mu_);
    const absl::Duration now = clock_.Elapsed();
    for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
      if (waiter->deadline <= now) {
        late.push_back(std::move(*waiter));
        waiter = waiters_.erase(waiter);
      } else {
        ++waiter;
      }
    }
    why = status_;
  }
  for (Waiter& waiter : late) {
    waiter.done(absl::UnavailableError(
        absl::StrCat("not stored in time and may still take effect later; try again",
                     why.ok() ? "" : absl::StrCat(" (", why.message(), ")"))));
  }
}

absl::Status StoreWriter::Status() const {
  MutexLock lock(mu_);
  return status_;
}

bool StoreWriter::HasRoom() const {
  MutexLock lock(mu_);
  return queue_bytes_ + group_bytes_ <= options_.max_queue_bytes;
}

void StoreWriter::WhenRoom(std::function<void()> ready) {
  {
    MutexLock lock(mu_);
    if (queue_bytes_ + group_bytes_ > options_.max_queue_bytes) {
      if (!is_stopping_) room_waiters_.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

void StoreWriter::OnCommit(std::function<void(int64_t)> listener) {
  listener_ = std::move(listener);
}

absl::Status StoreWriter::Flush() { return CommitOnce(); }

absl::Status StoreWriter::CommitOnce() {
  if (WasStoredAfterAll()) GroupIsDurable();
  {
    // A group that failed is repeated together with what came after it.
    MutexLock lock(mu_);
    for (WriteBatch& batch : queue_) group_.push_back(std::move(batch));
    queue_.clear();
    group_bytes_ += std::exchange(queue_bytes_, 0);
    group_ticket_ = last_ticket_;
  }
  if (group_.empty()) return absl::OkStatus();
  Reach(Failpoint::kBeforeCommit);
  absl::Status committed = store_.Commit(group_);
  if (committed.ok()) {
    Reach(Failpoint::kAfterCommit);
    GroupIsDurable();
    Reach(Failpoint::kAfterAnswers);
    return absl::OkStatus();
  }
  MutexLock lock(mu_);
  if (status_.ok()) Log(LogLevel::kError, "store.write_failed", {{"why", committed.message()}});
  status_ = absl::UnavailableError(
      absl::StrCat("store cannot write: ", committed.message(), "; retrying"));
  return committed;
}

bool StoreWriter::WasStoredAfterAll() const {
  const int64_t revision = LastRevision(group_);
  if (revision == 0) return false;
  const absl::StatusOr<int64_t> stored = store_.LastRevision();
  return stored.ok() && *stored >= revision;
}

void StoreWriter::GroupIsDurable() {
  const int64_t revision = LastRevision(group_);
  group_.clear();
  std::vector<Waiter> ready;
  std::vector<std::function<void()>> room;
  {
    MutexLock lock(mu_);
    if (!status_.ok()) Log(LogLevel::kInfo, "store.recovered");
    status_ = absl::OkStatus();
    group_bytes_ = 0;
    durable_ = group_ticket_;
    while (!waiters_.empty() && waiters_.front().ticket <= durable_) {
      ready.push_back(std::move(waiters_.front()));
      waiters_.pop_front();
    }
    if (queue_bytes_ <= options_.max_queue_bytes) room.swap(room_waiters_);
  }
  if (listener_ && revision > 0) listener_(revision);
  for (Waiter& waiter : ready) waiter.done(absl::OkStatus());
  for (const std::function<void()>& call : room) call();
}

void StoreWriter::Loop() {
  absl::Duration wait = options_.retry_min;
  for (;;) {
    {
      MutexLock lock(mu_);
      while (queue_.empty() && !is_stopping_) wake_.Wait(mu_);
      if (queue_.empty()) return;
    }
    while (!CommitOnce().ok()) {
      MutexLock lock(mu_);
      const absl::Duration until = clock_.Elapsed() + wait;
      while (clock_.Elapsed() < std::min(until, give_up_at_)) {
        clock_.WaitFor(wake_, mu_, std::min(until, give_up_at_) - clock_.Elapsed());
      }
      if (clock_.Elapsed() >= give_up_at_) return;
      wait = std::min(2 * wait, options_.retry_max);
    }
    wait = options_.retry_min;
  }
}

}  // namespace tpsweep::server
