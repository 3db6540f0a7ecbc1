#include "tests/conformance/store_engines.h"

#include <gtest/gtest.h>

#include <utility>

#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"

namespace tpsweep::server {

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
  };
}

}  // namespace tpsweep::server
