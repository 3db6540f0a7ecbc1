// The Watch stream of one study, read by a thread of its own and opened again
// when it breaks.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/connection.h"
#include "common/mutex.h"
#include "grpcpp/grpcpp.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// Thread-safe. `connection` and `clock` must outlive it.
class EventReader {
 public:
  // Leaves out the first `num_known` ends of runs: they are known already.
  EventReader(Connection& connection, std::string study, int64_t num_known, Clock& clock);
  // Ends the stream and the thread.
  ~EventReader();

  // Waits until something has happened or `timeout` has passed; the runs that
  // have ended since the last call, the oldest first (the last thousand).
  std::vector<v1::Run> WaitForEndedRuns(absl::Duration timeout);

  // Whether the server has said all there is to say (the study has ended).
  bool IsAtEnd();

 private:
  void ReadUntilStopped();
  // One stream, to its end.
  grpc::Status ReadStream();
  void Take(v1::Event event);

  Connection& connection_;
  const std::string study_;
  Clock& clock_;

  Mutex mu_;
  CondVar changed_;
  int64_t num_known_ ABSL_GUARDED_BY(mu_);
  int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  bool has_news_ ABSL_GUARDED_BY(mu_) = false;
  bool is_at_end_ ABSL_GUARDED_BY(mu_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;  // of the open stream
  std::vector<v1::Run> ended_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace tpsweep::client
