// What users read: straight from the store, so only what is durable, and
// without the coordinator's lock; what is live (why a study waits, workers)
// comes from the coordinator.
//
// Thread-safe. Errors: kInvalidArgument (names the field), kNotFound, and those
// of the store.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/coordinator/coordinator.h"
#include "server/store/store.h"
#include "tpsweep/v1/sweep_service.pb.h"

namespace tpsweep::server {

class Queries {
 public:
  // Both must outlive this object.
  Queries(const Store& store, const Coordinator& coordinator)
      : store_(store), coordinator_(coordinator) {}

  absl::StatusOr<v1::Study> GetStudy(const v1::GetStudyRequest& request) const;
  absl::StatusOr<v1::ListStudiesResponse> ListStudies(const v1::ListStudiesRequest& request) const;
  absl::StatusOr<v1::ListTrialsResponse> ListTrials(const v1::ListTrialsRequest& request) const;
  absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& request) const;
  absl::StatusOr<v1::ListMeasurementsResponse> ListMeasurements(
      const v1::ListMeasurementsRequest& request) const;
  absl::StatusOr<v1::BestTrialsResponse> BestTrials(const v1::BestTrialsRequest& request) const;
  absl::StatusOr<v1::ListWorkersResponse> ListWorkers() const;
  absl::StatusOr<v1::Explanation> Explain(const v1::ExplainRequest& request) const;
  absl::StatusOr<v1::Preview> PreviewStudy(const v1::PreviewStudyRequest& request) const;

 private:
  // The succeeded trials, best first (common/spec/ranking.h), at most `count`.
  absl::StatusOr<std::vector<v1::Trial>> BestOf(const v1::Study& study, int count) const;
  // What an epoch of runs like those of `spec` took, and which runs these were; 0 if there
  // are none.
  absl::StatusOr<double> EpochSecondsOf(const v1::StudySpec& spec, std::string& basis) const;

  const Store& store_;
  const Coordinator& coordinator_;
};

}  // namespace tpsweep::server
