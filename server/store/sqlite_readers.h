// A few connections for reading. Each read has one for itself, in a transaction:
// it sees one committed state, and neither waits for the writer nor delays it.
//
// Thread-safe; outlives its snapshots.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "server/store/sqlite_connection.h"

namespace tpsweep::server {

class SqliteReaders {
 public:
  // A connection in a read transaction; gives it back at the end.
  class Snapshot {
   public:
    Snapshot(SqliteReaders& readers, std::unique_ptr<SqliteConnection> connection)
        : readers_(readers), connection_(std::move(connection)) {}
    ~Snapshot() {
      if (connection_ != nullptr) readers_.GiveBack(std::move(connection_));
    }
    Snapshot(Snapshot&&) = default;
    Snapshot& operator=(Snapshot&&) = delete;
    SqliteConnection& operator*() const { return *connection_; }

   private:
    SqliteReaders& readers_;
    std::unique_ptr<SqliteConnection> connection_;
  };

  absl::Status Open(const std::string& path, int count);

  // Waits for a connection if all are in use.
  absl::StatusOr<Snapshot> Begin();

 private:
  void GiveBack(std::unique_ptr<SqliteConnection> connection);

  Mutex mu_;
  CondVar given_back_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tpsweep::server
