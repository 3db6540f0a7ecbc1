#include "server/rpc/credentials.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kMaxPemBytes = 1 << 20;

absl::StatusOr<absl::string_view> HostOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen: '", address, "' is not HOST:PORT, such as 127.0.0.1:7070"));
  }
  return address.substr(0, colon);
}

// "127.example.com" is not: only digits and dots may follow.
bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (absl::StartsWith(host, "127.") &&
          host.find_first_not_of("0123456789.") == absl::string_view::npos);
}

// gRPC only writes to its log what is wrong with them, and a server that nobody can talk to
// runs on.
absl::Status CheckPemFiles(const ListenOptions& options) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                             SSL_CTX_free);
  // Without it a key with a pass phrase is asked for on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  const auto refuse = [](absl::string_view flag, absl::string_view file, absl::string_view what) {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", file, " is not ", what, ": ",
                                                   reason == nullptr ? "unknown" : reason));
  };
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.tls_cert.c_str()) != 1) {
    return refuse("--tls-cert", options.tls_cert, "a certificate in PEM");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.tls_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return refuse("--tls-key", options.tls_key,
                  "the key of --tls-cert in PEM, without pass phrase");
  }
  if (!options.tls_client_ca.empty() &&
      SSL_CTX_load_verify_locations(context.get(), options.tls_client_ca.c_str(), nullptr) != 1) {
    return refuse("--tls-client-ca", options.tls_client_ca, "a certificate in PEM");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const ListenOptions& options) {
  TP_ASSIGN_OR_RETURN(const absl::string_view host, HostOf(options.address));
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key: give both or none");
  }
  if (options.tls_cert.empty() && !options.tls_client_ca.empty()) {
    return absl::InvalidArgumentError("--tls-client-ca: needs --tls-cert and --tls-key");
  }
  if (!options.tls_cert.empty() && options.is_insecure) {
    return absl::InvalidArgumentError("--insecure: contradicts --tls-cert");
  }
  if (options.tls_cert.empty()) {
    if (!IsLoopback(host) && !options.is_insecure) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--listen: ", options.address,
          " can be reached from other machines; give --tls-cert and "
          "--tls-key, or --insecure if everybody on that network may use this server"));
    }
    return grpc::InsecureServerCredentials();
  }
  grpc::SslServerCredentialsOptions ssl(
      options.tls_client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  TP_ASSIGN_OR_RETURN(std::string cert, ReadFile(options.tls_cert, kMaxPemBytes));
  TP_ASSIGN_OR_RETURN(std::string key, ReadFile(options.tls_key, kMaxPemBytes));
  if (!options.tls_client_ca.empty()) {
    TP_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(options.tls_client_ca, kMaxPemBytes));
  }
  TP_RETURN_IF_ERROR(CheckPemFiles(options));
  ssl.pem_key_cert_pairs.push_back({std::move(key), std::move(cert)});
  return grpc::SslServerCredentials(ssl);
}

}  // namespace tpsweep::server
