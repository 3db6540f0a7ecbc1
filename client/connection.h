// The way to a server: channel, time limits, and errors that say what to do.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "grpcpp/grpcpp.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"

namespace tpsweep::client {

struct ConnectionOptions {
  std::string server = "127.0.0.1:7070";
  // For all that the command does, from Open on.
  absl::Duration timeout = absl::InfiniteDuration();
  // PEM files. With any of them the connection is encrypted.
  std::string tls_ca = "";
  std::string tls_cert = "";
  std::string tls_key = "";
};

// Thread-safe. Errors of every call:
//   kUnavailable       nobody answers at the address, or the server says "try again"
//   kDeadlineExceeded  the time-out of the command has passed, or the server is
//                      there and has been silent for 30 seconds
//   others             as the server said
class Connection {
 public:
  using Stub = v1::SweepService::StubInterface;

  // Reads the TLS files; connects with the first call. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options,
                                                          Clock& clock);

  template <class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return Explain(status);
    return response;
  }

  // The stream ends when the caller cancels `context`, or the server ends it.
  std::unique_ptr<grpc::ClientReaderInterface<v1::Event>> Watch(grpc::ClientContext& context,
                                                                const v1::WatchRequest& request) {
    return stub_->Watch(&context, request);
  }

  // An error of gRPC in our words.
  absl::Status Explain(const grpc::Status& status) const;

  // Until the time-out of the command; never negative.
  absl::Duration TimeLeft() const;

  const std::string& server() const { return server_; }

 private:
  Connection(const ConnectionOptions& options, std::shared_ptr<grpc::Channel> channel,
             Clock& clock);
  void SetDeadline(grpc::ClientContext& context) const;

  const std::string server_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Stub> stub_;
  Clock& clock_;
  const absl::Duration timeout_;
  const absl::Duration deadline_;  // on clock_.Elapsed()
};

}  // namespace tpsweep::client
