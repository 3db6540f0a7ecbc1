#include "server/rpc/standby_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

// Deletes itself when the call is over.
class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(const grpc::Status& why) { Finish(why); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* StandbyServer::Refusal::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  std::string leader;
  {
    MutexLock lock(mu_);
    leader = leader_;
  }
  context->AddTrailingMetadata("tpsweep-leader", leader);
  return new RefusedCall(
      {grpc::StatusCode::UNAVAILABLE,
       leader.empty() ? "this coordinator stands by, and no other leads yet; try again"
                      : absl::StrCat("this coordinator stands by; the leader is at ", leader)});
}

void StandbyServer::Refusal::SetLeader(std::string address) {
  MutexLock lock(mu_);
  leader_ = std::move(address);
}

StandbyServer::~StandbyServer() {
  if (listener_.has_value()) listener_->Stop(absl::ZeroDuration());
}

absl::Status StandbyServer::Start(const ListenOptions& options) {
  TP_ASSIGN_OR_RETURN(listener_, Listener::Start(options, [this](grpc::ServerBuilder& builder) {
                        builder.RegisterCallbackGenericService(&refusal_);
                      }));
  listener_->SetServing(false);
  return absl::OkStatus();
}

void StandbyServer::SetLeader(std::string address) { refusal_.SetLeader(std::move(address)); }

}  // namespace tpsweep::server
