#include "client/event_reader.h"

#include <utility>

#include "client/values.h"

namespace tpsweep::client {
namespace {

constexpr absl::Duration kReconnectPause = absl::Milliseconds(500);
constexpr size_t kMaxEnded = 1000;

}  // namespace

EventReader::EventReader(Connection& connection, std::string study, int64_t num_known, Clock& clock)
    : connection_(connection),
      study_(std::move(study)),
      clock_(clock),
      num_known_(num_known),
      thread_([this] { ReadUntilStopped(); }) {}

EventReader::~EventReader() {
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.NotifyAll();
  }
  thread_.join();
}

void EventReader::ReadUntilStopped() {
  while (true) {
    const grpc::Status status = ReadStream();
    MutexLock lock(mu_);
    // Not OK: the server went away, and may come back. Whoever follows the study
    // asks for it too, and learns there what is wrong for good.
    if (status.ok()) is_at_end_ = true;
    changed_.NotifyAll();
    if (!status.ok() && !is_stopping_) clock_.WaitFor(changed_, mu_, kReconnectPause);
    if (is_at_end_ || is_stopping_) return;
  }
}

grpc::Status EventReader::ReadStream() {
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_study(study_);
  request.set_until_study_ends(true);
  {
    MutexLock lock(mu_);
    if (is_stopping_) return grpc::Status::CANCELLED;
    request.set_after_revision(revision_);
    context_ = &context;
  }
  const auto stream = connection_.Watch(context, request);
  v1::Event event;
  while (stream->Read(&event)) Take(std::move(event));
  const grpc::Status status = stream->Finish();
  MutexLock lock(mu_);
  context_ = nullptr;
  return status;
}

void EventReader::Take(v1::Event event) {
  MutexLock lock(mu_);
  revision_ = event.revision();
  if (event.has_run() && HasEnded(event.run().state())) {
    if (num_known_ > 0) {
      --num_known_;
      return;
    }
    if (ended_.size() == kMaxEnded) ended_.erase(ended_.begin());
    ended_.push_back(std::move(*event.mutable_run()));
  }
  has_news_ = true;
  changed_.NotifyAll();
}

std::vector<v1::Run> EventReader::WaitForEndedRuns(absl::Duration timeout) {
  MutexLock lock(mu_);
  if (!has_news_) clock_.WaitFor(changed_, mu_, timeout);
  has_news_ = false;
  return std::exchange(ended_, {});
}

bool EventReader::IsAtEnd() {
  MutexLock lock(mu_);
  return is_at_end_;
}

}  // namespace tpsweep::client
