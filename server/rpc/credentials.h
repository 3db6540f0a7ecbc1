// Where the server listens, and who may talk to it: plain text on the loopback
// address, TLS elsewhere, unless the user insists.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"

namespace tpsweep::server {

struct ListenOptions {
  std::string address = "127.0.0.1:7070";  // host:port; port 0 is any
  // Files in PEM. With a certificate and its key the server speaks TLS only;
  // with a client_ca it talks only to clients whose certificate that CA signed.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  // Plain text on any address.
  bool is_insecure = false;
};

// kInvalidArgument: not host:port, not allowed without TLS, or files that are no certificate
// and its key; says what to do.
// Otherwise the error of a file that cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const ListenOptions& options);

}  // namespace tpsweep::server
