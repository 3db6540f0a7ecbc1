#include "server/rpc/rpc_server.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"

namespace tpsweep::server {
namespace {

// A spec with large choice lists is some megabytes; nothing legal is larger.
constexpr int kMaxRequestBytes = 16 << 20;

}  // namespace

RpcServer::RpcServer(const Store& store, StoreWriter& writer, Coordinator& coordinator)
    : watch_hub_(store),
      queries_(store, coordinator),
      sweep_service_(coordinator, queries_, watch_hub_),
      worker_service_(coordinator) {
  writer.OnCommit([this](int64_t revision) { watch_hub_.Notify(revision); });
}

RpcServer::~RpcServer() { Stop(absl::ZeroDuration()); }

absl::Status RpcServer::Start(const ListenOptions& options) {
  TP_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                      MakeCredentials(options));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address, credentials, &port);
  builder.RegisterService(&sweep_service_);
  builder.RegisterService(&worker_service_);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetMaxSendMessageSize(-1);
  // Two servers on one port would take turns with the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer whose machine is gone is noticed, and may ask the same of us.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    server_ = nullptr;
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address,
                                               ": the address is in use or not of this machine"));
  }
  address_ = absl::StrCat(options.address.substr(0, options.address.rfind(':')), ":", port);
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
