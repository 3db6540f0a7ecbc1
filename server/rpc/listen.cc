#include "server/rpc/listen.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

// A spec with large choice lists is some megabytes; nothing legal is larger.
constexpr int kMaxRequestBytes = 16 << 20;

}  // namespace

absl::StatusOr<Listener> Listener::Start(
    const ListenOptions& options, const std::function<void(grpc::ServerBuilder&)>& add_services) {
  TP_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                      MakeCredentials(options));
  Listener listener;
  TP_ASSIGN_OR_RETURN(listener.acceptor_, Acceptor::Bind(options.address));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  auto connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  add_services(builder);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetMaxSendMessageSize(-1);
  // A peer whose machine is gone is noticed, and may ask the same of us.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  listener.server_ = builder.BuildAndStart();
  if (listener.server_ == nullptr) {
    return absl::UnavailableError("gRPC does not start its server");
  }
  listener.acceptor_->Start(std::move(connections));
  listener.address_ = absl::StrCat(options.address.substr(0, options.address.rfind(':')), ":",
                                   listener.acceptor_->port());
  return listener;
}

void Listener::Stop(absl::Duration patience) {
  acceptor_ = nullptr;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + patience));
  server_->Wait();
}

}  // namespace tpsweep::server
