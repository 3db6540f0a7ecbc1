// One worker's stream: decodes, hands to the coordinator, and sends what the
// coordinator says, in order. No logic.
#pragma once

#include "grpcpp/support/server_callback.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/checkpoint_streams.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::server {

// The reactor of a new stream; deletes itself when the stream has ended.
grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* MakeWorkStream(
    Coordinator& coordinator);

// Thread-safe.
class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  // `coordinator` must outlive this object.
  explicit WorkerServiceImpl(Coordinator& coordinator) : coordinator_(coordinator) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* Work(
      grpc::CallbackServerContext*) override {
    return MakeWorkStream(coordinator_);
  }
  grpc::ServerReadReactor<v1::CheckpointPart>* PutCheckpoint(grpc::CallbackServerContext*,
                                                             v1::PutCheckpointResponse*) override {
    return MakeCheckpointIntake(coordinator_);
  }
  grpc::ServerWriteReactor<v1::CheckpointPart>* GetCheckpoint(
      grpc::CallbackServerContext*, const v1::GetCheckpointRequest* request) override {
    return MakeCheckpointOutlet(coordinator_, *request);
  }

 private:
  Coordinator& coordinator_;
};

}  // namespace tpsweep::server
