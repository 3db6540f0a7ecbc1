#include "server/store/sqlite_readers.h"

#include <utility>

#include "common/status_macros.h"

namespace tpsweep::server {

absl::Status SqliteReaders::Open(const std::string& path, int count) {
  MutexLock lock(mu_);
  for (int i = 0; i < count; ++i) {
    TP_ASSIGN_OR_RETURN(auto connection,
                        SqliteConnection::Open(path, SqliteConnection::Access::kRead));
    idle_.push_back(std::move(connection));
  }
  return absl::OkStatus();
}

absl::StatusOr<SqliteReaders::Snapshot> SqliteReaders::Begin() {
  std::unique_ptr<SqliteConnection> connection;
  {
    MutexLock lock(mu_);
    while (idle_.empty()) given_back_.Wait(mu_);
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  Snapshot snapshot(*this, std::move(connection));
  TP_RETURN_IF_ERROR((*snapshot).Run(Sql::kBegin));
  return snapshot;
}

void SqliteReaders::GiveBack(std::unique_ptr<SqliteConnection> connection) {
  connection->RollBack();
  MutexLock lock(mu_);
  idle_.push_back(std::move(connection));
  given_back_.NotifyOne();
}

}  // namespace tpsweep::server
