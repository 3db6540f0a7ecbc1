#include "server/rpc/rpc_server.h"

#include <utility>

#include "common/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"

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
  TP_ASSIGN_OR_RETURN(listener_, Listener::Start(options, [this](grpc::ServerBuilder& builder) {
                        builder.RegisterService(&sweep_service_);
                        builder.RegisterService(&worker_service_);
                      }));
  return absl::OkStatus();
}

void RpcServer::Drain() {
  if (listener_.has_value()) listener_->SetServing(false);
  watch_hub_.Stop();
}

void RpcServer::Stop(absl::Duration patience) {
  watch_hub_.Stop();
  if (!listener_.has_value()) return;
  listener_->Stop(patience);
  listener_.reset();
}

}  // namespace tpsweep::server
