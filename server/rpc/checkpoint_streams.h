// The calls that carry the bytes of checkpoints.
#pragma once

#include "grpcpp/support/server_callback.h"
#include "server/coordinator/coordinator.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

grpc::ServerReadReactor<v1::CheckpointPart>* MakeCheckpointIntake(Coordinator& coordinator);
grpc::ServerWriteReactor<v1::CheckpointPart>* MakeCheckpointOutlet(
    Coordinator& coordinator, const v1::GetCheckpointRequest& request);

}  // namespace tpsweep::server
