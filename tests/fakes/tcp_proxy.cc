#include "tests/fakes/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"

namespace tpsweep {
namespace {

constexpr size_t kReadBytes = 64 << 10;

// Throws what errno says, unless `is_fine`.
void Check(bool is_fine, const char* what) {
  if (!is_fine) throw std::runtime_error(absl::StrCat("TcpProxy: ", what, ": errno ", errno));
}

sockaddr_in ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  uint32_t port = 0;
  Check(colon != std::string::npos && absl::SimpleAtoi(address.substr(colon + 1), &port) &&
            inet_pton(AF_INET, address.substr(0, colon).c_str(), &parsed.sin_addr) == 1,
        address.c_str());
  parsed.sin_port = htons(static_cast<uint16_t>(port));
  return parsed;
}

void Close(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

void Reset(int& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  Close(fd);
}

}  // namespace

TcpProxy::TcpProxy(const std::string& server)
    : server_(server),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sockaddr_in address = ParseAddress("127.0.0.1:0");
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  Check(bind(listener_, generic, size) == 0 && listen(listener_, SOMAXCONN) == 0 &&
            getsockname(listener_, generic, &size) == 0,
        "listen");
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  thread_ = std::thread([this] { Loop(); });
}

TcpProxy::~TcpProxy() {
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
  }
  Wake();
  thread_.join();
  MutexLock lock(mu_);
  for (Connection& connection : connections_) {
    Close(connection.client);
    Close(connection.server);
  }
  Close(listener_);
  Close(wake_);
}

void TcpProxy::Delay(absl::Duration delay) {
  MutexLock lock(mu_);
  delay_ = delay;
}

void TcpProxy::Destine(std::vector<Fate> fates) {
  MutexLock lock(mu_);
  fates_.insert(fates_.end(), fates.begin(), fates.end());
}

void TcpProxy::Hold(Way way) {
  MutexLock lock(mu_);
  for (Connection& connection : connections_) {
    if (connection.client < 0) continue;
    (way == Way::kToServer ? connection.to_server : connection.to_client).is_held = true;
  }
}

void TcpProxy::Release() {
  MutexLock lock(mu_);
  for (Connection& connection : connections_) {
    connection.fate = Fate();
    connection.has_fate = false;
    connection.to_server.is_held = connection.to_client.is_held = false;
    Pump(connection);
  }
  Wake();
}

void TcpProxy::ResetClients() {
  MutexLock lock(mu_);
  for (Connection& connection : connections_) {
    // What has arrived was sent before the end.
    Take(connection.client, connection.to_server, connection.is_cut);
    Reset(connection.client);
    connection.to_server.keeps_end = true;
  }
  Wake();
}

std::string TcpProxy::Kept() {
  MutexLock lock(mu_);
  std::string kept;
  for (const Connection& connection : connections_) {
    if (!connection.to_server.is_held) continue;
    for (const Flow::Chunk& chunk : connection.to_server.waiting) kept += chunk.bytes;
  }
  return kept;
}

int TcpProxy::num_connections() {
  MutexLock lock(mu_);
  return num_connections_;
}

int TcpProxy::num_fulfilled() {
  MutexLock lock(mu_);
  return num_fulfilled_;
}

int TcpProxy::num_half_open() {
  MutexLock lock(mu_);
  return static_cast<int>(
      std::count_if(connections_.begin(), connections_.end(), [](const Connection& connection) {
        return connection.client < 0 && connection.server >= 0;
      }));
}

void TcpProxy::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void TcpProxy::Loop() {
  for (;;) {
    std::vector<pollfd> watched = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    absl::Duration pause = absl::InfiniteDuration();
    {
      MutexLock lock(mu_);
      if (is_stopping_) return;
      const absl::Duration now = Clock::Real().Elapsed();
      const auto watch = [&](int fd, const Flow& from_it, const Flow& to_it) {
        if (fd < 0) return;
        const bool has_more = !to_it.is_held && !to_it.waiting.empty();
        const bool is_due = has_more && to_it.waiting.front().due <= now;
        if (has_more && !is_due) pause = std::min(pause, to_it.waiting.front().due - now);
        watched.push_back(
            {fd, static_cast<int16_t>((from_it.has_ended ? 0 : POLLIN) | (is_due ? POLLOUT : 0)),
             0});
      };
      for (const Connection& connection : connections_) {
        watch(connection.client, connection.to_server, connection.to_client);
        watch(connection.server, connection.to_client, connection.to_server);
      }
    }
    const timespec limit = absl::ToTimespec(pause);
    ppoll(watched.data(), watched.size(), pause == absl::InfiniteDuration() ? nullptr : &limit,
          nullptr);
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t taken = read(wake_, &ignored, sizeof ignored);

    MutexLock lock(mu_);
    const auto is_broken = [&watched](int fd) {
      return std::any_of(watched.begin(), watched.end(), [fd](const pollfd& one) {
        return one.fd == fd && (one.revents & (POLLERR | POLLHUP)) != 0;
      });
    };
    for (Connection& connection : connections_) {
      if (is_broken(connection.client)) GiveUp(connection.client, connection.to_server);
      if (is_broken(connection.server)) GiveUp(connection.server, connection.to_client);
      Pump(connection);
    }
    std::erase_if(connections_, [this](const Connection& connection) {
      const bool is_over = connection.client < 0 && connection.server < 0;
      if (is_over && connection.has_fate) fates_.push_front(connection.fate);
      return is_over;
    });
    Accept();
  }
}

void TcpProxy::Accept() {
  for (;;) {
    int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    ++num_connections_;
    // Blocks, for as long as a connection on this machine takes.
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = ParseAddress(server_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      Close(server);
      Reset(client);
      continue;
    }
    for (const int fd : {client, server}) {
      const int yes = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    Connection& connection = connections_.emplace_back();
    connection.client = client;
    connection.server = server;
    if (!fates_.empty()) {
      connection.fate = fates_.front();
      connection.has_fate = true;
      fates_.pop_front();
    }
  }
}

void TcpProxy::Pump(Connection& connection) {
  Take(connection.client, connection.to_server, connection.is_cut);
  Take(connection.server, connection.to_client, connection.is_cut);
  if (connection.is_cut) {
    if (connection.to_server.has_ended) Close(connection.client);
    if (connection.to_client.has_ended) Close(connection.server);
    return;
  }
  Pass(connection, Way::kToServer);
  Pass(connection, Way::kToClient);
  if (connection.is_cut) return;
  PassEnd(connection.client, connection.server, connection.to_server);
  PassEnd(connection.server, connection.client, connection.to_client);
  if (connection.to_server.end_passed && connection.to_client.end_passed) {
    Close(connection.client);
    Close(connection.server);
  }
}

void TcpProxy::Take(int& from, Flow& flow, bool is_cut) {
  while (from >= 0 && !flow.has_ended) {
    std::string bytes(kReadBytes, '\0');
    const ssize_t size = recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      flow.has_ended = true;
      if (size < 0) Close(from);
      return;
    }
    if (is_cut) continue;
    bytes.resize(static_cast<size_t>(size));
    flow.waiting.push_back({Clock::Real().Elapsed() + delay_, std::move(bytes)});
  }
  if (from < 0) flow.has_ended = true;
}

void TcpProxy::GiveUp(int& from, Flow& flow) {
  Take(from, flow, false);
  Close(from);
  flow.has_ended = true;
}

void TcpProxy::Pass(Connection& connection, Way way) {
  const bool is_to_server = way == Way::kToServer;
  Flow& flow = is_to_server ? connection.to_server : connection.to_client;
  int& to = is_to_server ? connection.server : connection.client;
  const int64_t limit = connection.fate.way == way ? connection.fate.after_bytes
                                                   : std::numeric_limits<int64_t>::max();
  for (;;) {
    if (flow.passed == limit && !flow.is_held) return Fulfil(connection);
    if (flow.is_held) return;
    if (to < 0) return flow.waiting.clear();
    if (flow.waiting.empty()) return;
    auto& [due, bytes] = flow.waiting.front();
    if (due > Clock::Real().Elapsed()) return;
    const size_t most = std::min(bytes.size(), static_cast<size_t>(limit - flow.passed));
    const ssize_t size = send(to, bytes.data(), most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) {
      Close(to);
      continue;
    }
    flow.passed += size;
    bytes.erase(0, static_cast<size_t>(size));
    if (bytes.empty()) flow.waiting.pop_front();
  }
}

void TcpProxy::PassEnd(int& from, int& to, Flow& flow) {
  const bool is_at_end = flow.has_ended && flow.waiting.empty() && !flow.is_held;
  if (!is_at_end || flow.keeps_end || to < 0) return;
  if (from < 0) return Close(to);
  if (!std::exchange(flow.end_passed, true)) shutdown(to, SHUT_WR);
}

void TcpProxy::Fulfil(Connection& connection) {
  ++num_fulfilled_;
  connection.has_fate = false;
  switch (connection.fate.end) {
    case End::kHold:
      (connection.fate.way == Way::kToServer ? connection.to_server : connection.to_client)
          .is_held = true;
      return;
    case End::kClose:
      connection.is_cut = true;
      connection.to_server.waiting.clear();
      connection.to_client.waiting.clear();
      for (const int fd : {connection.client, connection.server}) {
        if (fd >= 0) shutdown(fd, SHUT_WR);
      }
      return;
    case End::kReset:
      connection.is_cut = true;
      Reset(connection.client);
      Reset(connection.server);
      return;
  }
}

}  // namespace tpsweep
