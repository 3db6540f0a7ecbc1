// The workers that are connected, or were until less than a lease ago.
//
// Not thread-safe: guarded by the coordinator's lock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "server/coordinator/worker_link.h"
#include "tpsweep/v1/sweep_service.pb.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

// One connection; a later one of the same worker has another number.
using SessionId = uint64_t;

struct WorkerEntry {
  v1::Worker about;
  // Empty: not heard of since the server started.
  std::string incarnation;
  // Null: not connected.
  std::shared_ptr<WorkerLink> link;
  SessionId session = 0;
  // Runs it said it would take, less those granted since.
  int64_t offered = 0;
  // On Clock::Elapsed. Its leases end when it has been silent for the ttl.
  absl::Duration last_heard;
  // Attempts that it holds.
  std::set<std::string> attempts;

  bool HasDataset(const std::string& name) const {
    return std::find(about.datasets().begin(), about.datasets().end(), name) !=
           about.datasets().end();
  }
  // Never more than its slots, whatever it said before a grant reached it.
  int64_t free_slots() const {
    if (link == nullptr) return 0;
    return std::min(offered, about.slots() - static_cast<int64_t>(attempts.size()));
  }
};

class WorkerRegistry {
 public:
  // Null if not known.
  WorkerEntry* Find(const std::string& id) {
    const auto found = workers_.find(id);
    return found == workers_.end() ? nullptr : &found->second;
  }
  // Null if the connection has ended or was replaced.
  WorkerEntry* FindSession(SessionId session) {
    const auto found = sessions_.find(session);
    return found == sessions_.end() ? nullptr : Find(found->second);
  }
  // The entry of `id`, new if there is none.
  WorkerEntry& At(const std::string& id) {
    WorkerEntry& entry = workers_[id];
    entry.about.set_id(id);
    return entry;
  }
  SessionId Connect(WorkerEntry& worker, std::shared_ptr<WorkerLink> link) {
    Disconnect(worker);
    worker.link = std::move(link);
    worker.session = ++last_session_;
    sessions_[worker.session] = worker.about.id();
    return worker.session;
  }
  void Disconnect(WorkerEntry& worker) {
    sessions_.erase(worker.session);
    worker.link = nullptr;
    worker.offered = 0;
  }
  void Remove(const std::string& id) { workers_.erase(id); }

  std::map<std::string, WorkerEntry>& all() { return workers_; }
  const std::map<std::string, WorkerEntry>& all() const { return workers_; }

 private:
  std::map<std::string, WorkerEntry> workers_;
  std::map<SessionId, std::string> sessions_;
  SessionId last_session_ = 0;
};

}  // namespace tpsweep::server
