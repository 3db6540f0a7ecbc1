#include "server/store/postgres_pool.h"

#include "common/status_macros.h"
#include "server/store/postgres_sql.h"

namespace tpsweep::server {

PostgresPool::PostgresPool(PostgresTarget target, Access access, size_t size)
    : target_(std::move(target)), access_(access), idle_(size) {}

absl::StatusOr<PostgresPool::Transaction> PostgresPool::Begin() {
  std::unique_ptr<PostgresConnection> connection;
  {
    MutexLock lock(mu_);
    while (idle_.empty()) given_back_.Wait(mu_);
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  Transaction transaction(*this, std::move(connection));
  const char* const begin = access_ == Access::kRead ? PostgresText(Sql::kBegin) : "BEGIN";
  if (transaction.connection_ != nullptr) {
    const absl::Status begun = transaction->Execute(begin);
    if (begun.ok()) return transaction;
    if (transaction->is_open()) return begun;
    // Lost since its last use, as when the database was started again.
  }
  TP_ASSIGN_OR_RETURN(transaction.connection_, PostgresConnection::Open(target_));
  TP_RETURN_IF_ERROR(transaction->Execute(begin));
  return transaction;
}

void PostgresPool::GiveBack(std::unique_ptr<PostgresConnection> connection) {
  if (connection != nullptr) connection->RollBack();
  if (connection != nullptr && !connection->is_open()) connection = nullptr;
  MutexLock lock(mu_);
  idle_.push_back(std::move(connection));
  given_back_.NotifyOne();
}

}  // namespace tpsweep::server
