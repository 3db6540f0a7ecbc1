// A PostgreSQL store of its own for each test.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/clock.h"
#include "common/status_macros.h"
#include "server/store/leadership.h"
#include "server/store/postgres_store.h"
#include "tests/fakes/postgres.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {

// A store and the leadership that it writes by.
struct LedStore {
  std::unique_ptr<Leadership> leadership;
  std::unique_ptr<PostgresStore> store;
};

inline absl::StatusOr<LedStore> OpenLedStore(LeadershipOptions options) {
  LedStore led;
  led.leadership = std::make_unique<Leadership>(std::move(options), Clock::Real());
  TP_ASSIGN_OR_RETURN(const bool leads, led.leadership->Take());
  if (!leads) return absl::FailedPreconditionError("another leads");
  TP_ASSIGN_OR_RETURN(led.store,
                      PostgresStore::Open(led.leadership->writer(), led.leadership->epoch()));
  return led;
}

inline absl::Status Commit(Store& store, const WriteBatch& batch) {
  return store.Commit({&batch, 1});
}

}  // namespace tpsweep::server
