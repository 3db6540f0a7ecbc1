// A store in memory: `tpsweep-server --store memory`, and the model that the
// conformance suite compares the other engines with. Nothing survives the process.
//
// Thread-safe; one lock, held for the length of a call.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "server/store/paging.h"
#include "server/store/store.h"

namespace tpsweep::server {

class MemoryStore final : public Store {
 public:
  absl::Status Commit(absl::Span<const WriteBatch> batches) override;
  absl::Status GiveBackRoom() override { return absl::OkStatus(); }

  absl::StatusOr<v1::Study> GetStudy(absl::string_view name) const override;
  absl::StatusOr<v1::Run> GetRun(absl::string_view name) const override;
  absl::StatusOr<Page<v1::Study>> ListStudies(const StudyFilter& filter,
                                              const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Trial>> ListTrials(const TrialFilter& filter,
                                             const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Run>> ListRuns(const RunFilter& filter,
                                         const PageRequest& page) const override;
  absl::StatusOr<Page<v1::MeasurementRecord>> ListMeasurements(
      const MeasurementFilter& filter, const PageRequest& page) const override;
  absl::StatusOr<std::vector<v1::Attempt>> OpenAttempts() const override;
  absl::StatusOr<int64_t> LastSequence(absl::string_view attempt) const override;
  absl::StatusOr<std::vector<v1::Trial>> BestTrials(absl::string_view study, v1::Goal goal,
                                                    int count) const override;
  absl::StatusOr<std::vector<v1::Event>> ListEvents(absl::string_view study, int64_t after_revision,
                                                    int limit) const override;
  absl::StatusOr<int64_t> LastRevision() const override;

 private:
  class Names;

  struct StudyData {
    v1::Study record;
    std::map<Key<1>, v1::Trial> trials;
    std::map<Key<2>, v1::Run> runs;
    std::map<Key<3>, v1::Attempt> attempts;
    std::map<Key<4>, v1::Measurement> measurements;

    // Whether no later attempt of the run went on from before this measurement.
    bool Counts(const Key<4>& measurement) const;
  };
  struct EventData {
    std::string study;
    v1::Event record;
  };

  // All there is.
  struct State {
    std::map<Key<1>, StudyData> studies;                // by order of creation
    std::map<std::string, int64_t, std::less<>> order;  // by name
    std::map<int64_t, EventData> events;
    int64_t last_order = 0;
    int64_t last_revision = 0;

    // The study with all that belongs to it, or null.
    const StudyData* Find(absl::string_view study) const;
    absl::StatusOr<const StudyData*> FindParent(const ResourceName& parent) const;
    // The batch has been checked: every parent is there.
    void Apply(const WriteBatch& batch);
    void Delete(absl::string_view study);
    StudyData& Of(const std::string& study);
  };

  mutable Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tpsweep::server
