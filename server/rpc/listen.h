// What every server of ours has in common on the network: credentials, limits, keep-alive
// and the health service.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/acceptor.h"
#include "server/rpc/credentials.h"

namespace tpsweep::server {

class Listener {
 public:
  // `add_services` gets the builder before the server starts.
  // Errors of MakeCredentials; kUnavailable if the address cannot be bound.
  static absl::StatusOr<Listener> Start(
      const ListenOptions& options, const std::function<void(grpc::ServerBuilder&)>& add_services);

  // host:port as bound.
  const std::string& address() const { return address_; }

  void SetServing(bool is_serving) {
    server_->GetHealthCheckService()->SetServingStatus(is_serving);
  }

  // To be called before this is destroyed. Ends what still runs after `patience`.
  void Stop(absl::Duration patience);

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace tpsweep::server
