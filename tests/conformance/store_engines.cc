#include "tests/conformance/store_engines.h"

#include <gtest/gtest.h>

#include <utility>

#include "common/clock.h"
#include "common/status_macros.h"
#include "server/store/leadership.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/postgres.h"

namespace tpsweep::server {
namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenPostgres() {
  const std::string uri = PostgresServer::Shared().NewDatabase();
  Leadership leadership({.uri = uri, .address = ""}, Clock::Real());
  TP_RETURN_IF_ERROR(leadership.Take().status());
  // Nobody else takes the lease, so it need not be renewed.
  return PostgresStore::Open(leadership.writer(), leadership.epoch());
}

}  // namespace

std::vector<StoreEngine> StoreEngines() {
  return {
      {"Memory",
       [](const ScratchFolder&) -> std::unique_ptr<Store> {
         return std::make_unique<MemoryStore>();
       }},
      {"Sqlite",
       [](const ScratchFolder& folder) -> std::unique_ptr<Store> {
         auto store = SqliteStore::Open(folder.File("store.db"));
         EXPECT_TRUE(store.ok()) << store.status();
         return store.ok() ? *std::move(store) : nullptr;
       }},
      {"Postgres",
       [](const ScratchFolder&) -> std::unique_ptr<Store> {
         auto store = OpenPostgres();
         EXPECT_TRUE(store.ok()) << store.status();
         return store.ok() ? *std::move(store) : nullptr;
       }},
  };
}

}  // namespace tpsweep::server
