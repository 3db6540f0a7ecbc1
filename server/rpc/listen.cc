#include "server/rpc/listen.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "grpcpp/health_check_service_interface.h"

namespace tpsweep::server {
namespace {

// A spec with large choice lists is some megabytes; nothing legal is larger.
constexpr int kMaxRequestBytes = 16 << 20;

}  // namespace

absl::StatusOr<Listener> Listen(const ListenOptions& options,
                                const std::function<void(grpc::ServerBuilder&)>& add_services) {
  TP_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                      MakeCredentials(options));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address, credentials, &port);
  add_services(builder);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetMaxSendMessageSize(-1);
  // Two servers on one port would take turns with the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer whose machine is gone is noticed, and may ask the same of us.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  Listener listener;
  listener.server = builder.BuildAndStart();
  if (listener.server == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address,
                                               ": the address is in use or not of this machine"));
  }
  listener.address = absl::StrCat(options.address.substr(0, options.address.rfind(':')), ":", port);
  return listener;
}

}  // namespace tpsweep::server
