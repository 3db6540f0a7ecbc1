// Which run goes to which slot: studies in order of creation, the queued runs of
// a study before its next trial, workers in turn.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/names.h"
#include "server/coordinator/coordinator.h"

namespace tpsweep::server {
namespace {

// A trial that the worker at hand cannot take (it lacks the data set) waits for
// another, and the next one is looked at: this far ahead.
constexpr size_t kMaxWaitingRuns = 32;
// Trials created under one hold of the lock; the next tick goes on.
constexpr int kMaxTrialsPerPass = 256;

}  // namespace

void Coordinator::Schedule(Change& change) {
  if (is_draining_) return;
  for (auto& [number, study] : studies_) {
    if (study->record().state() == v1::STUDY_STATE_ACTIVE) study->CheckTime(change);
  }
  int trials_left = kMaxTrialsPerPass;
  bool was_given = true;
  while (was_given) {
    was_given = false;
    for (auto& [id, worker] : workers_.all()) {
      if (worker.free_slots() > 0 && GiveOne(worker, trials_left, change)) was_given = true;
    }
  }
}

bool Coordinator::GiveOne(WorkerEntry& worker, int& trials_left, Change& change) {
  const auto has = [&worker](const std::string& dataset) { return worker.HasDataset(dataset); };
  for (auto& [number, study] : studies_) {
    if (study->record().state() != v1::STUDY_STATE_ACTIVE) continue;
    for (;;) {
      if (const std::optional<RunKey> key = study->NextQueued(has); key.has_value()) {
        Grant(worker, *study, *key, change);
        return true;
      }
      if (trials_left == 0 || study->num_queued() >= kMaxWaitingRuns) break;
      const StudyState::Fresh fresh = study->QueueMore(change);
      if (fresh == StudyState::Fresh::kNothing) break;
      if (fresh == StudyState::Fresh::kCreated) --trials_left;
    }
  }
  return false;
}

void Coordinator::Grant(WorkerEntry& worker, StudyState& study, RunKey key, Change& change) {
  v1::Run& run = *study.FindOpen(key);
  absl::StatusOr<v1::TrainingSpec> training = study.Configure(key);
  if (!training.ok()) {
    run.set_message(std::string(training.status().message()));
    study.Move(run, v1::RUN_STATE_FAILED, "run.failed", change);
    return;
  }
  run.set_attempt(run.attempt() + 1);
  run.set_worker(worker.about.id());
  run.clear_latest();
  run.clear_entries();
  run.clear_message();
  const bool goes_on = !run.checkpoints().empty();
  if (goes_on) {
    *run.mutable_latest() = run.checkpoints().rbegin()->latest();
    *run.mutable_entries() = run.checkpoints().rbegin()->entries();
  }
  if (!run.has_start_time()) *run.mutable_start_time() = ToProto(change.now);

  const std::string& name = study.record().spec().study();
  Lease lease;
  lease.attempt.set_name(ToString(AttemptName{name, key.trial, key.replicate, run.attempt()}));
  lease.attempt.set_number(run.attempt());
  lease.attempt.set_worker(worker.about.id());
  *lease.attempt.mutable_start_time() = ToProto(change.now);
  lease.study = name;
  lease.run = key;
  lease.training = *std::move(training);
  lease.keep_final = study.KeepsBest();
  if (const double limit = study.record().spec().budget().run_seconds(); limit > 0) {
    lease.time_left = absl::Seconds(std::max(0.0, limit - run.spent_seconds()));
  }
  lease.pause_after_epoch = study.PauseAfter(key.trial);
  lease.checkpoint_interval = absl::Seconds(study.record().spec().checkpoints().every_seconds());
  if (goes_on) {
    const v1::Checkpoint& last = *run.checkpoints().rbegin();
    lease.checkpoint = last;
    lease.attempt.set_start_sequence(last.sequence());
    lease.attempt.set_start_epoch(last.epoch());
    lease.last_sequence = lease.durable_sequence = last.sequence();
  }
  change.batch.attempts.push_back(lease.attempt);
  change.granted.push_back(lease.attempt.name());
  worker.attempts.insert(lease.attempt.name());
  --worker.offered;
  leases_.Add(std::move(lease));
  study.Move(run, v1::RUN_STATE_RUNNING, "run.leased", change);
}

std::string Coordinator::WaitingReason(const v1::Study& study) const {
  if (IsEnd(study.state())) return "";
  if (const absl::Status status = writer_.Status(); !status.ok()) {
    return std::string(status.message());
  }
  MutexLock lock(mu_);
  const auto entry = index_.find(study.spec().study());
  if (entry == index_.end()) return "";
  const auto found = studies_.find(entry->second.number);
  if (found == studies_.end()) return "";
  const StudyState& state = *found->second;
  if (state.record().runs().running() > 0) return "";
  if (state.record().state() == v1::STUDY_STATE_PAUSED) return "paused";
  std::set<std::string> datasets;
  bool is_connected = false;
  for (const auto& [id, worker] : workers_.all()) {
    if (worker.link == nullptr) continue;
    is_connected = true;
    datasets.insert(worker.about.datasets().begin(), worker.about.datasets().end());
  }
  if (!is_connected) return "no worker is connected";
  const std::vector<std::string> needed = state.NeededDatasets();
  const bool is_missing = !needed.empty() && std::none_of(needed.begin(), needed.end(),
                                                          [&datasets](const std::string& name) {
                                                            return datasets.contains(name);
                                                          });
  if (is_missing) {
    return absl::StrCat("no connected worker has data set '", absl::StrJoin(needed, "' or '"),
                        "' (connected workers have: ",
                        datasets.empty() ? "none" : absl::StrJoin(datasets, ", "), ")");
  }
  return "every slot of the connected workers is taken by other runs";
}

}  // namespace tpsweep::server
