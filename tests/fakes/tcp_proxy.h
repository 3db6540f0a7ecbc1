// Between clients and a server: a TCP proxy that a test makes slow, deaf or broken.
//
// One thread moves the bytes. What a method says holds when it returns.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace tpsweep {

class TcpProxy {
 public:
  enum class Way { kToServer, kToClient };
  // What becomes of a connection when so many bytes have gone one way: what follows is kept,
  // or both ends see the end of it (FIN), or are reset (RST).
  enum class End { kHold, kClose, kReset };
  struct Fate {
    End end = End::kHold;
    Way way = Way::kToServer;
    int64_t after_bytes = std::numeric_limits<int64_t>::max();
  };

  // Listens on a free port of loopback. `server`: IPV4:PORT. Throws std::runtime_error.
  explicit TcpProxy(const std::string& server);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  const std::string& address() const { return address_; }

  // Whatever comes from now on arrives so much later, both ways.
  void Delay(absl::Duration delay);
  // The fates of the next connections, in their order; those after them have none. One whose
  // connection ends before it has come is the next connection's.
  void Destine(std::vector<Fate> fates);
  // Keeps what goes this way over the connections that there are, and takes more of it.
  void Hold(Way way);
  // Lets go of all that is kept.
  void Release();
  // Resets the clients' ends of the connections that there are. The server gets what they
  // said before, but not the news: its ends stay half-open.
  void ResetClients();

  // What is kept on its way to the server.
  std::string Kept();
  // Connections: all that there were, those whose fate has come, and those that only the
  // server still has.
  int num_connections();
  int num_fulfilled();
  int num_half_open();

 private:
  // One way of a connection.
  struct Flow {
    struct Chunk {
      absl::Duration due;
      std::string bytes;
    };
    std::deque<Chunk> waiting;
    int64_t passed = 0;
    bool is_held = false;
    bool has_ended = false;  // nothing more comes
    bool keeps_end = false;  // and nobody is told
    bool end_passed = false;
  };
  // File descriptors are -1 when that end is gone.
  struct Connection {
    int client = -1;
    int server = -1;
    Flow to_server;
    Flow to_client;
    Fate fate;
    bool has_fate = false;  // which has not come yet
    bool is_cut = false;    // closed by its fate: what still comes is of no interest
  };

  void Loop();
  void Wake();
  void Accept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves what can be moved, and does what has come to an end.
  void Pump(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Take(int& from, Flow& flow, bool is_cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // That end is broken: what has arrived was the last of it.
  void GiveUp(int& from, Flow& flow) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Pass(Connection& connection, Way way) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void PassEnd(int& from, int& to, Flow& flow);
  void Fulfil(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string server_;
  std::string address_;
  int listener_ = -1;
  int wake_ = -1;

  Mutex mu_;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration delay_ ABSL_GUARDED_BY(mu_);
  std::deque<Fate> fates_ ABSL_GUARDED_BY(mu_);
  std::list<Connection> connections_ ABSL_GUARDED_BY(mu_);
  int num_connections_ ABSL_GUARDED_BY(mu_) = 0;
  int num_fulfilled_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace tpsweep
