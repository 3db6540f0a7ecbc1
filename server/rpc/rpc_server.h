// Coordinator and store on the network: both services, health and reflection.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/queries.h"
#include "server/coordinator/store_writer.h"
#include "server/rpc/listen.h"
#include "server/rpc/sweep_service_impl.h"
#include "server/rpc/watch_hub.h"
#include "server/rpc/work_stream.h"

namespace tpsweep::server {

class RpcServer {
 public:
  // All must outlive this object. To be made before `writer` starts, and
  // stopped before it is destroyed.
  RpcServer(const Store& store, StoreWriter& writer, Coordinator& coordinator);
  ~RpcServer();

  // Errors of Listener::Start.
  absl::Status Start(const ListenOptions& options);

  // host:port as bound, once started.
  const std::string& address() const { return listener_->address(); }

  // Says "not serving" and ends the watches; calls in progress go on.
  void Drain();
  // Ends what still runs after `patience`. The writer has been stopped, so that
  // no call waits for it.
  void Stop(absl::Duration patience);

 private:
  WatchHub watch_hub_;
  Queries queries_;
  SweepServiceImpl sweep_service_;
  WorkerServiceImpl worker_service_;
  std::optional<Listener> listener_;
};

}  // namespace tpsweep::server
