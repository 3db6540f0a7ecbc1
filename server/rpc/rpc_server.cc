#include "server/rpc/rpc_server.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/rpc/listen.h"

namespace tpsweep::server {
RpcServer::RpcServer(const Store& store, StoreWriter& writer, Coordinator& coordinator)
    : watch_hub_(store),
      queries_(store, coordinator),
      sweep_service_(coordinator, queries_, watch_hub_),
      worker_service_(coordinator) {
  writer.OnCommit([this](int64_t revision) { watch_hub_.Notify(revision); });
}

RpcServer::~RpcServer() { Stop(absl::ZeroDuration()); }

absl::Status RpcServer::Start(const ListenOptions& options) {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  TP_ASSIGN_OR_RETURN(Listener listener, Listen(options, [this](grpc::ServerBuilder& builder) {
                        builder.RegisterService(&sweep_service_);
                        builder.RegisterService(&worker_service_);
                      }));
  server_ = std::move(listener.server);
  address_ = std::move(listener.address);
  return absl::OkStatus();
}

void RpcServer::Drain() {
  if (server_ != nullptr) server_->GetHealthCheckService()->SetServingStatus(false);
  watch_hub_.Stop();
}

void RpcServer::Stop(absl::Duration patience) {
  watch_hub_.Stop();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + patience));
  server_->Wait();
  server_ = nullptr;
}

}  // namespace tpsweep::server
