// A store whose commits fail when a test says so.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "server/store/store.h"

namespace tpsweep::server {

// Thread-safe. `inner` must outlive this object.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(Store& inner) : inner_(inner) {}

  enum class Fault {
    kNone,
    kFail,        // nothing is changed
    kLoseAnswer,  // the change is made, and reported as failed
  };
  // What happens to the next commits, one each; then all is well.
  void Plan(std::vector<Fault> faults) {
    MutexLock lock(mu_);
    plan_.insert(plan_.end(), faults.begin(), faults.end());
  }
  // Every commit fails until further notice.
  void FailAll(bool fails) {
    MutexLock lock(mu_);
    fails_ = fails;
  }
  int num_commits() const {
    MutexLock lock(mu_);
    return num_commits_;
  }

  absl::Status Commit(absl::Span<const WriteBatch> batches) override {
    Fault fault = Fault::kNone;
    {
      MutexLock lock(mu_);
      ++num_commits_;
      if (!plan_.empty()) {
        fault = plan_.front();
        plan_.pop_front();
      }
      if (fails_) fault = Fault::kFail;
    }
    if (fault != Fault::kFail) {
      if (absl::Status done = inner_.Commit(batches); !done.ok()) return done;
    }
    return fault == Fault::kNone ? absl::OkStatus() : absl::UnavailableError("disk is full");
  }

  absl::Status GiveBackRoom() override { return inner_.GiveBackRoom(); }

  absl::StatusOr<v1::Study> GetStudy(absl::string_view name) const override {
    return inner_.GetStudy(name);
  }
  absl::StatusOr<v1::Run> GetRun(absl::string_view name) const override {
    return inner_.GetRun(name);
  }
  absl::StatusOr<Page<v1::Study>> ListStudies(const StudyFilter& filter,
                                              const PageRequest& page) const override {
    return inner_.ListStudies(filter, page);
  }
  absl::StatusOr<Page<v1::Trial>> ListTrials(const TrialFilter& filter,
                                             const PageRequest& page) const override {
    return inner_.ListTrials(filter, page);
  }
  absl::StatusOr<Page<v1::Run>> ListRuns(const RunFilter& filter,
                                         const PageRequest& page) const override {
    return inner_.ListRuns(filter, page);
  }
  absl::StatusOr<Page<v1::MeasurementRecord>> ListMeasurements(
      const MeasurementFilter& filter, const PageRequest& page) const override {
    return inner_.ListMeasurements(filter, page);
  }
  absl::StatusOr<std::vector<v1::Attempt>> OpenAttempts() const override {
    return inner_.OpenAttempts();
  }
  absl::StatusOr<int64_t> LastSequence(absl::string_view attempt) const override {
    return inner_.LastSequence(attempt);
  }
  absl::StatusOr<std::vector<v1::Trial>> BestTrials(absl::string_view study, v1::Goal goal,
                                                    int count) const override {
    return inner_.BestTrials(study, goal, count);
  }
  absl::StatusOr<std::vector<v1::Event>> ListEvents(absl::string_view study, int64_t after_revision,
                                                    int limit) const override {
    return inner_.ListEvents(study, after_revision, limit);
  }
  absl::StatusOr<int64_t> LastRevision() const override { return inner_.LastRevision(); }

 private:
  Store& inner_;
  mutable Mutex mu_;
  std::deque<Fault> plan_ ABSL_GUARDED_BY(mu_);
  bool fails_ ABSL_GUARDED_BY(mu_) = false;
  int num_commits_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tpsweep::server
