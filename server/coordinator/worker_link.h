// The way back to a worker: one connection of it, as the coordinator sees it.
#pragma once

#include "absl/status/status.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

// Thread-safe. Both calls return at once, do nothing after the connection has
// ended, and never call the coordinator from within: they are made under its
// lock, so that a worker gets messages in the order of the changes they tell of.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual void Send(v1::ServerMessage message) = 0;
  // Ends the connection. The worker may come back.
  virtual void Close(absl::Status why) = 0;
};

}  // namespace tpsweep::server
