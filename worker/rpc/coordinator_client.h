// Keeps an agent connected to its coordinator: the one place of the worker that
// knows gRPC.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "worker/agent/agent.h"

namespace grpc {
class Channel;
class ChannelCredentials;
class ClientContext;
}  // namespace grpc

namespace tpsweep::agent {

// PEM files. All empty: no TLS.
struct TlsFiles {
  std::string ca;    // whom to trust
  std::string cert;  // who we are, with `key`
  std::string key;
};

struct CoordinatorClientOptions {
  // HOST:PORT, or several with commas between: those of coordinators that share a
  // database, of which one leads.
  std::string server;
  TlsFiles tls;
  // Pauses between two attempts to connect: doubled each time, with jitter.
  absl::Duration first_pause = absl::Milliseconds(200);
  absl::Duration longest_pause = absl::Seconds(5);
};

// Run on one thread; Stop from any.
class CoordinatorClient {
 public:
  // `agent` and `clock` must outlive the client.
  //   kInvalidArgument  which TLS option lacks another; or there is no address
  //   and what ReadFile says of the TLS files
  static absl::StatusOr<std::unique_ptr<CoordinatorClient>> Create(CoordinatorClientOptions options,
                                                                   Agent& agent, Clock& clock);
  ~CoordinatorClient();

  // Connects, and connects again for ever when the server goes away; of several, to the
  // next. Returns OK after Stop, or the answer of a server that will not have this worker.
  absl::Status Run();
  void Stop();

 private:
  struct StreamEnd {
    absl::Status status;
    bool was_welcome = false;
  };

  CoordinatorClient(CoordinatorClientOptions options, std::vector<std::string> servers,
                    std::shared_ptr<grpc::ChannelCredentials> credentials, Agent& agent,
                    Clock& clock);
  // One stream, from Hello to its end.
  StreamEnd RunStream(const std::string& server);
  bool is_stopped();
  // Waits between two attempts, or until Stop.
  void Pause(absl::Duration pause);

  const CoordinatorClientOptions options_;
  const std::vector<std::string> servers_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  Agent& agent_;
  Clock& clock_;
  // Short enough to be back before a server that was started again gives up on
  // us. Used by Run only.
  absl::Duration longest_pause_;

  Mutex mu_;
  CondVar stopped_;
  bool is_stopped_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;  // of the stream, while it lasts
};

}  // namespace tpsweep::agent
