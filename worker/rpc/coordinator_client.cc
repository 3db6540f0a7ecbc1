#include "worker/rpc/coordinator_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/log.h"
#include "common/random.h"
#include "common/status_macros.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"
#include "worker/rpc/checkpoint_transfers.h"
#include "worker/rpc/status.h"

namespace tpsweep::agent {
namespace {

// A second worker of the same name may be this one's predecessor, about to be
// noticed as dead; so not the first refusal counts.
constexpr int kNameRefusals = 5;

constexpr int64_t kMaxPemBytes = 1 << 20;

// Whether trying again cannot help.
bool IsFinal(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsFiles& files) {
  if (files.ca.empty() && files.cert.empty() && files.key.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  grpc::SslCredentialsOptions options;
  if (!files.ca.empty()) {
    TP_ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(files.ca, kMaxPemBytes));
  }
  if (!files.cert.empty()) {
    TP_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile(files.cert, kMaxPemBytes));
    TP_ASSIGN_OR_RETURN(options.pem_private_key, ReadFile(files.key, kMaxPemBytes));
  }
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& server, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  // A dead connection is noticed even when nobody closes it.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The time-out of one attempt to connect. How often is our own affair: a
  // shared subchannel would remember gRPC's pauses.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server, credentials, arguments);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorClient>> CoordinatorClient::Create(
    CoordinatorClientOptions options, Agent& agent, Clock& clock) {
  TP_ASSIGN_OR_RETURN(auto credentials, MakeCredentials(options.tls));
  std::vector<std::string> servers;
  for (const absl::string_view server :
       absl::StrSplit(options.server, ',', absl::SkipWhitespace())) {
    servers.emplace_back(absl::StripAsciiWhitespace(server));
  }
  if (servers.empty()) {
    return absl::InvalidArgumentError(
        "--server has no address; it is HOST:PORT, or several with commas between");
  }
  return std::unique_ptr<CoordinatorClient>(new CoordinatorClient(
      std::move(options), std::move(servers), std::move(credentials), agent, clock));
}

CoordinatorClient::CoordinatorClient(CoordinatorClientOptions options,
                                     std::vector<std::string> servers,
                                     std::shared_ptr<grpc::ChannelCredentials> credentials,
                                     Agent& agent, Clock& clock)
    : options_(std::move(options)),
      servers_(std::move(servers)),
      credentials_(std::move(credentials)),
      agent_(agent),
      clock_(clock),
      longest_pause_(options_.longest_pause) {}

CoordinatorClient::~CoordinatorClient() = default;

absl::Status CoordinatorClient::Run() {
  RandomStream jitter(std::random_device{}());
  absl::Duration pause = options_.first_pause;
  int name_refusals = 0;
  bool is_loss_logged = false;
  size_t current = 0;
  size_t tries = 0;  // since the last welcome or pause
  while (!is_stopped()) {
    const std::string& server = servers_[current];
    const StreamEnd end = RunStream(server);
    if (is_stopped()) break;
    if (end.was_welcome) {
      pause = options_.first_pause;
      name_refusals = 0;
      is_loss_logged = false;
      tries = 0;
    }
    if (IsFinal(end.status.code())) return end.status;
    if (absl::IsAlreadyExists(end.status) && ++name_refusals == kNameRefusals) return end.status;
    if (!is_loss_logged) {
      Log(LogLevel::kWarning, "server.unreachable",
          {{"server", server}, {"reason", end.status.ToString()}});
      is_loss_logged = true;
    }
    current = (current + 1) % servers_.size();
    if (++tries < servers_.size()) continue;
    tries = 0;
    Pause(pause * (0.5 + 0.5 * jitter.NextUniform()));
    pause = std::min(2 * pause, longest_pause_);
  }
  return absl::OkStatus();
}

CoordinatorClient::StreamEnd CoordinatorClient::RunStream(const std::string& server) {
  grpc::ClientContext context;
  {
    MutexLock lock(mu_);
    if (is_stopped_) return {};
    context_ = &context;
  }
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(server, credentials_);
  const auto stub = v1::WorkerService::NewStub(channel);
  const auto stream = stub->Work(&context);

  StreamEnd end;
  v1::ServerMessage received;
  if (stream->Write(agent_.Connect()) && stream->Read(&received)) {
    end.was_welcome = true;
    const absl::Duration lease_ttl = absl::Seconds(received.welcome().lease_ttl().seconds());
    if (lease_ttl > absl::ZeroDuration()) {
      longest_pause_ = std::min(options_.longest_pause, lease_ttl / 4);
    }
    Log(LogLevel::kInfo, "server.connected",
        {{"server", server}, {"version", received.welcome().server_version()}});
    std::thread writer([&] {
      while (const std::optional<v1::WorkerMessage> message = agent_.Next()) {
        if (!stream->Write(*message)) return;
      }
    });
    CheckpointTransfers transfers(*stub, agent_, clock_);
    do {
      agent_.Receive(received);
    } while (stream->Read(&received));
    agent_.Disconnect();
    writer.join();
  }
  agent_.Disconnect();

  const grpc::Status status = stream->Finish();
  end.status =
      status.ok() ? absl::UnavailableError("the server closed the stream") : ToAbsl(status);
  MutexLock lock(mu_);
  context_ = nullptr;
  return end;
}

void CoordinatorClient::Stop() {
  MutexLock lock(mu_);
  is_stopped_ = true;
  if (context_ != nullptr) context_->TryCancel();
  stopped_.NotifyAll();
}

bool CoordinatorClient::is_stopped() {
  MutexLock lock(mu_);
  return is_stopped_;
}

void CoordinatorClient::Pause(absl::Duration pause) {
  const absl::Duration until = clock_.Elapsed() + pause;
  MutexLock lock(mu_);
  while (!is_stopped_ && clock_.Elapsed() < until) {
    clock_.WaitFor(stopped_, mu_, until - clock_.Elapsed());
  }
}

}  // namespace tpsweep::agent
