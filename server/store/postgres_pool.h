// A few connections to one database. Each use has one for itself, in a transaction.
// A connection that was lost is made anew at its next use.
//
// Thread-safe; outlives its transactions.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "server/store/postgres_connection.h"

namespace tpsweep::server {

class PostgresPool {
 public:
  enum class Access {
    kRead,  // sees one committed state, and waits for nobody
    kWrite,
  };

  // Connects when it is used.
  PostgresPool(PostgresTarget target, Access access, size_t size);

  // A connection in a transaction; what was not committed is rolled back at the end.
  class Transaction {
   public:
    Transaction(PostgresPool& pool, std::unique_ptr<PostgresConnection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    ~Transaction() {
      if (pool_ != nullptr) pool_->GiveBack(std::move(connection_));
    }
    Transaction(Transaction&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Transaction& operator=(Transaction&&) = delete;
    PostgresConnection& operator*() const { return *connection_; }
    PostgresConnection* operator->() const { return connection_.get(); }

   private:
    friend class PostgresPool;
    PostgresPool* pool_;
    std::unique_ptr<PostgresConnection> connection_;
  };

  // Waits for a connection if all are in use. Errors of PostgresConnection::Open.
  absl::StatusOr<Transaction> Begin();

 private:
  void GiveBack(std::unique_ptr<PostgresConnection> connection);

  const PostgresTarget target_;
  const Access access_;
  Mutex mu_;
  CondVar given_back_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_ ABSL_GUARDED_BY(mu_);  // null: to be made
};

}  // namespace tpsweep::server
