// Trials that go on from others (search.scheduler.pbt).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/coordinator/study_state.h"

namespace tpsweep::server {

std::optional<Scheduler::Fork> StudyState::NextFork(const Arm& arm) const {
  const std::optional<Scheduler::Fork> next = arm.NextFork();
  if (!next) return std::nullopt;
  // What waits goes on, or another does in its place. If the budget is not enough for all of
  // them, the best come first.
  const std::vector<int64_t> waiting = arm.Waiting();
  const auto num_next =
      static_cast<int64_t>(waiting.size()) + (arm.IsWaiting(next->replaces) ? 0 : 1);
  const int64_t cost =
      (next->stop - next->epochs) * num_next * FirstReplicates(record_.spec().search());
  const bool are_gathered = std::all_of(waiting.begin(), waiting.end(),
                                        [this](int64_t number) { return IsGathered(number); });
  return are_gathered && arm.CanPay(cost) ? next : std::nullopt;
}

bool StudyState::ForkIn(size_t arm_index, Change& change) {
  Arm& arm = arms_[arm_index];
  const std::optional<Scheduler::Fork> fork = NextFork(arm);
  if (!fork) return false;
  CreateTrial(arm_index, arm.GoOnFrom(TrialAt(fork->parent)), fork, change);
  if (arm.IsWaiting(fork->replaces)) {
    StopTrial(fork->replaces,
              absl::StrCat("beaten at its rung; trial ", num_trials() - 1,
                           " goes on in its place from trial ", fork->parent),
              change);
  }
  return true;
}

void StudyState::Inherit(v1::Run& run, Change& change) {
  const int64_t parent_number = trial(run.trial()).fork().parent();
  const v1::Run* parent = FindOpen({parent_number, run.replicate()});
  if (parent != nullptr) {
    *run.mutable_latest() = parent->latest();
    *run.mutable_entries() = parent->entries();
  }
  if (parent == nullptr || parent->checkpoints().empty()) {
    change.AddEvent("run.queued", run.name(),
                    absl::StrCat("trained from its beginning: this replicate of trial ",
                                 parent_number, " left no checkpoint to go on from"));
    return;
  }
  v1::Checkpoint& inherited = *run.add_checkpoints();
  inherited = *parent->checkpoints().rbegin();
  inherited.set_attempt(0);
  change.copies.push_back(InheritedCopy({run.trial(), run.replicate()}, inherited));
}

std::vector<CheckpointCopy> StudyState::Inherited() const {
  std::vector<CheckpointCopy> copies;
  for (const auto& [key, run] : open_runs_) {
    for (const v1::Checkpoint& checkpoint : run.checkpoints()) {
      if (checkpoint.attempt() == 0) copies.push_back(InheritedCopy(key, checkpoint));
    }
  }
  return copies;
}

CheckpointCopy StudyState::InheritedCopy(RunKey key, const v1::Checkpoint& checkpoint) const {
  const std::string& study = record_.spec().study();
  const int64_t parent = trial(key.trial).fork().parent();
  return {{RunName{study, parent, key.replicate}, checkpoint.sha256()},
          {RunName{study, key.trial, key.replicate}, checkpoint.sha256()},
          checkpoint.bytes()};
}

}  // namespace tpsweep::server
