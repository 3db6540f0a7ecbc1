// Takes the connections of an address and gives them to a gRPC server. gRPC's own listener
// (1.51) takes none any more, ever, once one found no free descriptor; this one turns
// connections away while only the last descriptors are free, and then goes on.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/descriptor.h"
#include "grpcpp/server_builder.h"

namespace tpsweep::server {

// As many open files and connections as the system lets this process have.
void RaiseDescriptorLimit();

class Acceptor {
 public:
  // Binds all addresses of the host in `address`, which is host:port; port 0 is any.
  // kUnavailable if that cannot be done; says why.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Bind(const std::string& address);
  // No connection is taken any more.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  int port() const { return port_; }

  // Once, and after the server has started.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);

 private:
  explicit Acceptor(Descriptor stop);

  void AcceptUntilStopped();
  // False: there is no descriptor for another one.
  bool AcceptFrom(int socket);
  void LogRefusal();

  Descriptor stop_;  // an eventfd
  std::vector<Descriptor> sockets_;
  int port_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  absl::Duration next_log_ = -absl::InfiniteDuration();
  std::thread thread_;
};

}  // namespace tpsweep::server
