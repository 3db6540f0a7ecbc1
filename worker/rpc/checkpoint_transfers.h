// Puts and gets checkpoints beside the stream of a worker, one after the other, on a
// thread of its own, until the agent says that the stream is over. Its destruction cuts
// a transfer off.
#pragma once

#include <grpcpp/client_context.h>

#include <thread>

#include "common/clock.h"
#include "common/mutex.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {

class CheckpointTransfers {
 public:
  // All must outlive it.
  CheckpointTransfers(v1::WorkerService::Stub& stub, Agent& agent, Clock& clock);
  ~CheckpointTransfers();
  CheckpointTransfers(const CheckpointTransfers&) = delete;
  CheckpointTransfers& operator=(const CheckpointTransfers&) = delete;

 private:
  void Loop();
  // False: it is over.
  bool Do(const Agent::Transfer& transfer);
  absl::Status Put(const Agent::Upload& upload);
  Agent::Downloaded Get(const Agent::Download& download);
  bool Pause();

  // `context` can be cancelled from now on; false if it is over.
  bool Begin(grpc::ClientContext& context);
  void End();

  v1::WorkerService::Stub& stub_;
  Agent& agent_;
  Clock& clock_;
  Mutex mu_;
  CondVar over_;
  bool is_over_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

}  // namespace tpsweep::agent
