// A worker of random walks over the coordinator.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/random.h"
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {

// What every run measures until it ends.
constexpr int64_t kMeasurements = 3;

// A worker that does what it is told, over connections that break.
struct Walker {
  struct Held {
    int64_t made = 0;  // measurements made
    int64_t durable = 0;
    bool is_done = false;
  };

  explicit Walker(int number) : id(absl::StrCat("w", number)) { Respawn(); }

  void Respawn() {
    worker.emplace(id, absl::StrCat("p", ++lives), std::vector<std::string>{"mnist"}, 2);
    held.clear();
    is_connected = false;
  }
  void Connect(Coordinator& coordinator) {
    std::vector<std::string> names;
    for (const auto& [name, state] : held) names.push_back(name);
    is_connected = worker->Connect(coordinator, names).ok();
  }
  // Takes in what has come.
  void Listen() {
    if (!is_connected) return;
    for (const v1::ServerMessage& message : worker->link().Take()) {
      if (message.has_lease()) held.try_emplace(message.lease().attempt());
      if (!message.has_ack()) continue;
      const v1::Ack& ack = message.ack();
      const auto found = held.find(ack.attempt());
      if (found == held.end()) continue;
      found->second.durable = std::max(found->second.durable, ack.durable_sequence());
      if (ack.completed() || ack.directive() == v1::DIRECTIVE_ABANDON) held.erase(found);
    }
    if (worker->link().closed().has_value()) is_connected = false;
  }
  // Makes a measurement of one run, or ends it; sends all that is not acknowledged.
  void Work(RandomStream& random) {
    if (held.empty()) return;
    auto chosen = std::next(held.begin(), static_cast<int64_t>(random.NextBelow(held.size())));
    auto& [name, state] = *chosen;
    if (state.made < kMeasurements) {
      ++state.made;
    } else {
      state.is_done = true;
    }
    if (!is_connected) return;
    std::vector<int64_t> unknown;
    for (int64_t s = state.durable + 1; s <= state.made; ++s) unknown.push_back(s);
    if (!worker->Report(name, unknown).ok()) is_connected = false;
    if (is_connected && state.is_done) {
      if (!worker->Complete(name, kMeasurements).ok()) is_connected = false;
    }
  }

  const std::string id;
  int lives = 0;
  std::optional<FakeWorker> worker;
  std::map<std::string, Held> held;
  bool is_connected = false;
};

}  // namespace tpsweep::server
