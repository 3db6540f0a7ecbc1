// The way to a server, or to the one of several that leads: channels, time limits, and
// errors that say what to do.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "grpcpp/grpcpp.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"

namespace tpsweep::client {

struct ConnectionOptions {
  // HOST:PORT, or several with commas between: those of coordinators that share a database.
  std::string server = "127.0.0.1:7070";
  // For all that the command does, from Open on.
  absl::Duration timeout = absl::InfiniteDuration();
  // PEM files. With any of them the connection is encrypted.
  std::string tls_ca = "";
  std::string tls_cert = "";
  std::string tls_key = "";
};

// Thread-safe. A server that stands by for another, is not there or has fallen silent is
// left for the next one, until each was asked once. Errors of every call:
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
    absl::Status stands_by;
    for (size_t tries = 1;; ++tries) {
      const size_t index = current_;
      grpc::ClientContext context;
      SetDeadline(context);
      Response response;
      const grpc::Status status =
          (servers_[index].stub.get()->*method)(&context, request, &response);
      if (status.ok()) return response;
      const absl::Status why = Explain(servers_[index], status);
      const bool is_standby = StandsBy(context);
      if (is_standby) stands_by = why;
      const bool is_last = tries == servers_.size();
      if (!is_last && (is_standby || IsGone(servers_[index], status))) {
        LeaveServer(index);
      } else {
        return stands_by.ok() ? why : stands_by;
      }
    }
  }

  // Of the server that answered last. The stream ends when the caller cancels `context`,
  // or the server ends it.
  std::unique_ptr<grpc::ClientReaderInterface<v1::Event>> Watch(grpc::ClientContext& context,
                                                                const v1::WatchRequest& request) {
    return servers_[current_].stub->Watch(&context, request);
  }

  // Until the time-out of the command; never negative.
  absl::Duration TimeLeft() const;

  // As the user named it, or them.
  const std::string& server() const { return server_; }

 private:
  struct Server {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<Stub> stub;
  };

  Connection(const ConnectionOptions& options, std::vector<Server> servers, Clock& clock);
  void SetDeadline(grpc::ClientContext& context) const;
  // An error of gRPC in our words.
  absl::Status Explain(const Server& server, const grpc::Status& status) const;

  // Whether the call was answered by a coordinator that does not lead.
  static bool StandsBy(const grpc::ClientContext& context);
  // Whether there was no answer.
  bool IsGone(const Server& server, const grpc::Status& status) const;
  // The next calls go to the one after it.
  void LeaveServer(size_t index);

  const std::string server_;
  const std::vector<Server> servers_;
  std::atomic<size_t> current_ = 0;
  Clock& clock_;
  const absl::Duration timeout_;
  const absl::Duration deadline_;  // on clock_.Elapsed()
};

}  // namespace tpsweep::client
