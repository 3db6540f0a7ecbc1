// The engines that the store suites run over. A new engine is one more row.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "server/store/store.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {

struct StoreEngine {
  const char* name;
  // An empty store, which may keep its files in `folder`.
  std::unique_ptr<Store> (*make)(const ScratchFolder& folder);

  friend void PrintTo(const StoreEngine& engine, std::ostream* out) { *out << engine.name; }
};

std::vector<StoreEngine> StoreEngines();

}  // namespace tpsweep::server
