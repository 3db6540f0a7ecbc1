#include "client/connection.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

// A server that is there answers within this.
constexpr absl::Duration kCallLimit = absl::Seconds(30);
constexpr int kMaxMessageBytes = 256 << 20;
// After a lost connection, try again soon: the server may just be restarting.
constexpr int kMaxReconnectMilliseconds = 2000;

absl::StatusOr<std::string> ReadPem(const std::string& path, absl::string_view flag) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = ReadFile(path, 1 << 20);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", text.status().message()));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ConnectionOptions& options) {
  if (options.tls_ca.empty() && options.tls_cert.empty() && options.tls_key.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together: give both or neither");
  }
  grpc::SslCredentialsOptions ssl;
  TP_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadPem(options.tls_ca, "--tls-ca"));
  TP_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadPem(options.tls_cert, "--tls-cert"));
  TP_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadPem(options.tls_key, "--tls-key"));
  return grpc::SslCredentials(ssl);
}

// "failed to connect to all addresses; ...: Connection refused": the last word.
absl::string_view Reason(absl::string_view message) {
  const size_t colon = message.rfind(": ");
  return colon == absl::string_view::npos ? message : message.substr(colon + 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options,
                                                             Clock& clock) {
  TP_ASSIGN_OR_RETURN(const auto credentials, Credentials(options));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMilliseconds);
  // A server that hangs is noticed.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  std::vector<Server> servers;
  for (const absl::string_view address :
       absl::StrSplit(options.server, ',', absl::SkipWhitespace())) {
    Server& server = servers.emplace_back();
    server.address = std::string(absl::StripAsciiWhitespace(address));
    server.channel = grpc::CreateCustomChannel(server.address, credentials, arguments);
    server.stub = v1::SweepService::NewStub(server.channel);
  }
  if (servers.empty()) {
    return absl::InvalidArgumentError(
        "--server has no address; it is HOST:PORT, or several with "
        "commas between");
  }
  return std::unique_ptr<Connection>(new Connection(options, std::move(servers), clock));
}

Connection::Connection(const ConnectionOptions& options, std::vector<Server> servers, Clock& clock)
    : server_(options.server),
      servers_(std::move(servers)),
      clock_(clock),
      timeout_(options.timeout),
      deadline_(clock.Elapsed() + options.timeout) {}

bool Connection::StandsBy(const grpc::ClientContext& context) {
  return context.GetServerTrailingMetadata().contains("tpsweep-leader");
}

bool Connection::IsGone(const Server& server, const grpc::Status& status) const {
  const bool is_connected = server.channel->GetState(false) == GRPC_CHANNEL_READY;
  return (status.error_code() == grpc::StatusCode::UNAVAILABLE && !is_connected) ||
         (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
          TimeLeft() > absl::ZeroDuration());
}

void Connection::LeaveServer(size_t index) {
  // Another call may have left it already.
  current_.compare_exchange_strong(index, (index + 1) % servers_.size());
}

absl::Duration Connection::TimeLeft() const {
  return std::max(absl::ZeroDuration(), deadline_ - clock_.Elapsed());
}

void Connection::SetDeadline(grpc::ClientContext& context) const {
  const absl::Duration limit = std::min(TimeLeft(), kCallLimit);
  context.set_deadline(
      gpr_time_from_micros(absl::ToInt64Microseconds(limit), GPR_TIMESPAN));  // from now
}

absl::Status Connection::Explain(const Server& server, const grpc::Status& status) const {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const bool connected = server.channel->GetState(false) == GRPC_CHANNEL_READY;
  const bool is_silent = code == absl::StatusCode::kDeadlineExceeded;
  if ((code == absl::StatusCode::kUnavailable && !connected) ||
      absl::StartsWith(status.error_message(), "failed to connect") || (is_silent && !connected)) {
    return absl::UnavailableError(
        absl::StrCat("no server answers at ", server_, " (", Reason(status.error_message()),
                     "): start one with tpsweep-server, or name another with --server HOST:PORT or "
                     "TPSWEEP_SERVER"));
  }
  if (is_silent && TimeLeft() == absl::ZeroDuration()) {
    return absl::DeadlineExceededError(
        absl::StrCat("not done within the time-out of ", absl::FormatDuration(timeout_)));
  }
  if (is_silent) {
    return absl::DeadlineExceededError(absl::StrCat(
        "the server at ", server.address, " did not answer in ", absl::FormatDuration(kCallLimit)));
  }
  if (code == absl::StatusCode::kUnimplemented) {
    return absl::UnimplementedError(
        absl::StrCat("what answers at ", server.address,
                     " does not know this request: is it a tpsweep-server of another version?"));
  }
  return absl::Status(code, status.error_message());
}

}  // namespace tpsweep::client
