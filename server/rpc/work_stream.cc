#include "server/rpc/work_stream.h"

#include <atomic>
#include <deque>
#include <memory>
#include <utility>

#include "common/mutex.h"
#include "server/rpc/status.h"

namespace tpsweep::server {
namespace {

// A worker that does not read its stream is cut off rather than remembered for.
constexpr size_t kMaxWaitingMessages = 10'000;

class WorkStream final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>,
                         public WorkerLink {
 public:
  explicit WorkStream(Coordinator& coordinator) : coordinator_(coordinator) {}

  // Lives until OnDone, and as long as the coordinator knows it as a link.
  void Begin(std::shared_ptr<WorkStream> self) {
    self_ = std::move(self);
    ReadNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());  // the worker hung up
    if (absl::Status taken = Take(); !taken.ok()) return End(std::move(taken));
    coordinator_.WhenReadyForMore([self = self_] { self->ReadNext(); });
  }
  void OnWriteDone(bool ok) override {
    MutexLock lock(mu_);
    outbox_.pop_front();
    if (!ok) outbox_.clear();
    if (is_ending_) return Finish(ToGrpc(why_));
    if (!outbox_.empty()) StartWrite(&outbox_.front());
  }
  void OnCancel() override { End(absl::CancelledError("the worker is gone")); }
  void OnDone() override {
    // Once more: the stream may have been cancelled while Hello was being taken.
    coordinator_.Disconnect(session_);
    self_.reset();
  }

  void Send(v1::ServerMessage message) override {
    MutexLock lock(mu_);
    if (is_ending_) return;
    if (outbox_.size() >= kMaxWaitingMessages) {
      return EndLocked(absl::ResourceExhaustedError("the worker does not read its stream"));
    }
    outbox_.push_back(std::move(message));
    if (outbox_.size() == 1) StartWrite(&outbox_.front());
  }
  void Close(absl::Status why) override {
    MutexLock lock(mu_);
    EndLocked(std::move(why));
  }

 private:
  absl::Status Take() {
    if (session_ != 0) return coordinator_.Receive(session_, in_);
    if (!in_.has_hello()) return absl::InvalidArgumentError("the first message must be hello");
    absl::StatusOr<SessionId> session = coordinator_.Connect(in_.hello(), self_);
    if (session.ok()) session_ = *session;
    return session.status();
  }
  void ReadNext() {
    MutexLock lock(mu_);
    if (!is_ending_) StartRead(&in_);
  }
  void End(absl::Status why) {
    coordinator_.Disconnect(session_);
    Close(std::move(why));
  }
  void EndLocked(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (std::exchange(is_ending_, true)) return;
    why_ = std::move(why);
    if (outbox_.empty()) return Finish(ToGrpc(why_));
    outbox_.resize(1);  // being written; OnWriteDone finishes
  }

  Coordinator& coordinator_;
  std::shared_ptr<WorkStream> self_;
  v1::WorkerMessage in_;
  std::atomic<SessionId> session_ = 0;

  Mutex mu_;
  std::deque<v1::ServerMessage> outbox_ ABSL_GUARDED_BY(mu_);  // the first is being written
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* MakeWorkStream(
    Coordinator& coordinator) {
  auto stream = std::make_shared<WorkStream>(coordinator);
  stream->Begin(stream);
  return stream.get();
}

}  // namespace tpsweep::server
