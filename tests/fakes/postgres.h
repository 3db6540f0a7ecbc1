// A PostgreSQL of the test's own, in a folder that goes with it, reached by its socket
// there. It refuses to run as root, and so runs as `postgres` then.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/process.h"

namespace tpsweep {

class PostgresServer {
 public:
  enum class Durability {
    kNone,  // fast: nothing is flushed
    kFull,  // as an administrator leaves it
  };

  // Throws std::runtime_error if there is no PostgreSQL or it does not start: a test
  // without it fails.
  explicit PostgresServer(Durability durability = Durability::kNone);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The one that the tests of this process share; ends with the process.
  static PostgresServer& Shared();

  // The URI of a new and empty database.
  std::string NewDatabase();
  // For the test to look at, or meddle with, what is there.
  static std::string Query(const std::string& uri, const std::string& sql);

  // Ends it, in order or as a crash does; Start brings it back.
  void Stop();
  void Crash();
  void Start();

 private:
  void End(int signal);
  std::string Uri(const std::string& database) const;

  std::string folder_;
  std::vector<std::string> settings_;
  std::unique_ptr<Process> process_;
  int num_databases_ = 0;
};

}  // namespace tpsweep
