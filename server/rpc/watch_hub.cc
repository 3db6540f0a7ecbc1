#include "server/rpc/watch_hub.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/status.h"

namespace tpsweep::server {
namespace {

constexpr int kEventsAtOnce = 100;

bool HasEnded(const v1::Study& study) {
  return study.state() == v1::STUDY_STATE_COMPLETED || study.state() == v1::STUDY_STATE_CANCELLED;
}

}  // namespace

// At any time a stream is in one pair of hands: it waits in the hub, the hub's
// thread feeds it, or it is writing. Whoever has it may finish it.
class WatchStream final : public grpc::ServerWriteReactor<v1::Event> {
 public:
  WatchStream(WatchHub& hub, const v1::WatchRequest& request)
      : hub_(hub), request_(request), seen_(request.after_revision()) {}

  void Write(std::vector<v1::Event> events) {
    events_ = std::move(events);
    next_ = 0;
    seen_ = std::max(seen_, events_.back().revision());
    StartWrite(&events_[next_]);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the watcher is gone"));
    if (++next_ < events_.size()) return StartWrite(&events_[next_]);
    events_.clear();
    hub_.Wait(this, WatchHub::kUnknown);
  }
  void OnCancel() override {
    is_cancelled = true;
    if (hub_.TakeBack(this)) Finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled"));
  }
  void OnDone() override { delete this; }

  const v1::WatchRequest& request() const { return request_; }
  int64_t seen() const { return seen_; }
  void SawAllUpTo(int64_t revision) { seen_ = std::max(seen_, revision); }

  bool was_found = false;  // the study existed; hub's thread only
  std::atomic<bool> is_cancelled = false;

 private:
  WatchHub& hub_;
  const v1::WatchRequest request_;
  int64_t seen_;
  std::vector<v1::Event> events_;
  size_t next_ = 0;
};

WatchHub::WatchHub(const Store& store) : store_(store), thread_([this] { Loop(); }) {}

WatchHub::~WatchHub() {
  Stop();
  thread_.join();
}

void WatchHub::Notify(int64_t revision) {
  MutexLock lock(mu_);
  revision_ = std::max(revision_, revision);
  wake_.NotifyAll();
}

grpc::ServerWriteReactor<v1::Event>* WatchHub::Watch(const v1::WatchRequest& request) {
  auto* stream = new WatchStream(*this, request);
  Wait(stream, kUnknown);
  return stream;
}

void WatchHub::Stop() {
  std::map<WatchStream*, int64_t> rest;
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    wake_.NotifyAll();
    rest.swap(waiting_);
  }
  for (const auto& [stream, seen] : rest) {
    stream->Finish(ToGrpc(absl::UnavailableError("the server is draining; watch again")));
  }
}

void WatchHub::Wait(WatchStream* stream, int64_t seen) {
  {
    MutexLock lock(mu_);
    if (!is_stopping_ && !stream->is_cancelled) {
      waiting_[stream] = seen;
      wake_.NotifyAll();
      return;
    }
  }
  stream->Finish(ToGrpc(absl::UnavailableError("the server is draining; watch again")));
}

bool WatchHub::TakeBack(WatchStream* stream) {
  MutexLock lock(mu_);
  return waiting_.erase(stream) > 0;
}

WatchStream* WatchHub::NextStale() {
  for (const auto& [stream, seen] : waiting_) {
    if (seen < revision_ || seen == kUnknown) return stream;
  }
  return nullptr;
}

void WatchHub::Loop() {
  for (;;) {
    WatchStream* stream = nullptr;
    int64_t revision = 0;
    {
      MutexLock lock(mu_);
      while (!is_stopping_ && (stream = NextStale()) == nullptr) wake_.Wait(mu_);
      if (is_stopping_) return;
      waiting_.erase(stream);
      revision = revision_;
    }
    Feed(stream, revision);
  }
}

void WatchHub::Feed(WatchStream* stream, int64_t revision) {
  const v1::WatchRequest& request = stream->request();
  // The state first: what ended the study is then among the events.
  bool has_ended = false;
  if (!request.study().empty()) {
    const absl::StatusOr<v1::Study> study = store_.GetStudy(request.study());
    const bool is_deleted = absl::IsNotFound(study.status()) && stream->was_found;
    if (!study.ok() && !is_deleted) return stream->Finish(ToGrpc(study.status()));
    has_ended = is_deleted || HasEnded(*study);
  }
  stream->was_found = true;
  absl::StatusOr<std::vector<v1::Event>> events =
      store_.ListEvents(request.study(), stream->seen(), kEventsAtOnce);
  if (!events.ok()) return stream->Finish(ToGrpc(events.status()));
  if (!events->empty()) return stream->Write(*std::move(events));
  if (has_ended && request.until_study_ends()) return stream->Finish(grpc::Status::OK);
  stream->SawAllUpTo(revision);
  Wait(stream, revision);
}

}  // namespace tpsweep::server
