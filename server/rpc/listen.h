// What every server of ours has in common on the network: credentials, limits, keep-alive
// and the health service.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/credentials.h"

namespace tpsweep::server {

struct Listener {
  std::unique_ptr<grpc::Server> server;
  std::string address;  // host:port as bound
};

// `add_services` gets the builder before the server starts.
// Errors of MakeCredentials; kUnavailable if the address cannot be bound.
absl::StatusOr<Listener> Listen(const ListenOptions& options,
                                const std::function<void(grpc::ServerBuilder&)>& add_services);

}  // namespace tpsweep::server
