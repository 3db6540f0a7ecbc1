#include "server/rpc/acceptor.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/clock.h"
#include "common/log.h"

namespace tpsweep::server {
namespace {

// For the store and the checkpoints, which open files while the server runs.
constexpr int kReserved = 16;
constexpr int kRefusalMilliseconds = 100;
constexpr absl::Duration kLogInterval = absl::Minutes(1);

rlimit DescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
}

void Set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

in_port_t& PortOf(sockaddr& address) {
  return address.sa_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                       : reinterpret_cast<sockaddr_in&>(address).sin_port;
}

int BoundPort(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(PortOf(reinterpret_cast<sockaddr&>(address)));
}

// `port` 0: that of `address`. False: errno says why.
bool Listen(int fd, const addrinfo& address, int port) {
  if (fd < 0) return false;
  // What a server before us has left there does not count, one that listens does.
  Set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.ai_family == AF_INET6) Set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (port != 0) PortOf(*address.ai_addr) = htons(static_cast<in_port_t>(port));
  return bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0;
}

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = DescriptorLimit();
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Acceptor::Acceptor(Descriptor stop) : stop_(std::move(stop)) {}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Bind(const std::string& address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = absl::string_view(address).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo wanted = {};
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const int error =
          getaddrinfo(std::string(host).c_str(), address.c_str() + colon + 1, &wanted, &first)) {
    return CannotListen(address, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(first, freeaddrinfo);
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))));
  std::string why = std::strerror(errno);
  if (acceptor->stop_.fd() < 0) return CannotListen(address, why);
  for (addrinfo* each = first; each != nullptr; each = each->ai_next) {
    Descriptor socket(::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!Listen(socket.fd(), *each, acceptor->port_)) {
      why = std::strerror(errno);
      // Half of a name would be found by half of the clients.
      if (errno == EADDRINUSE) return CannotListen(address, why);
      continue;
    }
    acceptor->port_ = BoundPort(socket.fd());
    acceptor->sockets_.push_back(std::move(socket));
  }
  if (acceptor->sockets_.empty()) return CannotListen(address, why);
  return acceptor;
}

Acceptor::~Acceptor() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.fd(), 1);
  thread_.join();
}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  server_ = std::move(server);
  thread_ = std::thread([this] { AcceptUntilStopped(); });
}

void Acceptor::AcceptUntilStopped() {
  std::vector<pollfd> waits = {{stop_.fd(), POLLIN, 0}};
  for (const Descriptor& socket : sockets_) waits.push_back({socket.fd(), POLLIN, 0});
  bool is_short = false;
  while (true) {
    // Those who wait in the kernel's queue would wake us at once.
    if (is_short) poll(waits.data(), 1, kRefusalMilliseconds);
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0) return;
    is_short = false;
    for (size_t i = 1; i < waits.size(); ++i) {
      if (waits[i].revents != 0 && !AcceptFrom(waits[i].fd)) is_short = true;
    }
  }
}

bool Acceptor::AcceptFrom(int socket) {
  const int fd = accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    // All others are of one connection, which is gone.
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return true;
    LogRefusal();
    return false;
  }
  // The system gives the lowest number that is free.
  if (static_cast<rlim_t>(fd) + kReserved >= DescriptorLimit().rlim_cur) {
    close(fd);
    LogRefusal();
    return true;
  }
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = socket;
  connection.fd = fd;
  server_->HandleNewConnection(&connection);
  return true;
}

void Acceptor::LogRefusal() {
  const absl::Duration now = Clock::Real().Elapsed();
  if (now < next_log_) return;
  next_log_ = now + kLogInterval;
  Log(LogLevel::kWarning, "server.refuses_connections",
      {{"why", "no free descriptors"}, {"limit", DescriptorLimit().rlim_cur}});
}

}  // namespace tpsweep::server
