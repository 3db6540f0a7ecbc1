// What a coordinator says on the network while another leads: health "not serving", and
// every call UNAVAILABLE, with the leader's address in the message and in the trailing
// metadata `tpsweep-leader`.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "grpcpp/generic/async_generic_service.h"
#include "server/rpc/listen.h"

namespace tpsweep::server {

class StandbyServer {
 public:
  ~StandbyServer();

  // Errors of Listener::Start.
  absl::Status Start(const ListenOptions& options);

  // host:port as bound, once started.
  const std::string& address() const { return listener_->address(); }

  // Thread-safe. Empty: nobody leads.
  void SetLeader(std::string address);

 private:
  class Refusal final : public grpc::CallbackGenericService {
   public:
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;
    void SetLeader(std::string address);

   private:
    Mutex mu_;
    std::string leader_ ABSL_GUARDED_BY(mu_);
  };

  Refusal refusal_;
  std::optional<Listener> listener_;
};

}  // namespace tpsweep::server
