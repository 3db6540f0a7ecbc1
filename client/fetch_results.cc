#include "client/fetch_results.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/names.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

constexpr int kPageSize = 1000;

// Calls `method` for page after page and hands each response to `take`.
template <class Request, class Response, class Take>
absl::Status ForEachPage(Connection& connection,
                         grpc::Status (Connection::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                         Request request, Take take) {
  request.set_page_size(kPageSize);
  do {
    TP_ASSIGN_OR_RETURN(Response response, connection.Call(method, request));
    request.set_page_token(response.next_page_token());
    take(std::move(response));
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status FetchHistory(Connection& connection, const std::string& study, StudyResults& results) {
  std::map<std::string, std::map<int64_t, v1::Measurement>> by_epoch, by_sequence;
  v1::ListMeasurementsRequest request;
  request.set_parent(study);
  const auto take = [&](v1::ListMeasurementsResponse page) {
    for (auto& record : *page.mutable_measurements()) {
      const absl::StatusOr<AttemptName> attempt = ParseAttemptName(record.attempt());
      if (!attempt.ok()) continue;
      auto& measurement = *record.mutable_measurement();
      const std::string run = ToString(ParentOf(*attempt));
      // Those of single mini-batches have no scalars.
      if (measurement.scalars().empty()) {
        v1::Measurement& same = by_sequence[run][measurement.sequence()];
        same = std::move(measurement);
        continue;
      }
      v1::Measurement& last = by_epoch[run][measurement.epoch()];
      if (measurement.sequence() >= last.sequence()) last = std::move(measurement);
    }
  };
  TP_RETURN_IF_ERROR(ForEachPage(connection, &Connection::Stub::ListMeasurements, request, take));
  const auto move_to = [](auto& from, auto& to) {
    for (auto& [run, measurements] : from) {
      for (auto& [at, measurement] : measurements) to[run].push_back(std::move(measurement));
    }
  };
  move_to(by_epoch, results.history);
  move_to(by_sequence, results.step_measurements);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StudyResults> FetchResults(Connection& connection, const std::string& study,
                                          bool with_history) {
  StudyResults results;
  v1::GetStudyRequest get;
  get.set_name(study);
  TP_ASSIGN_OR_RETURN(results.study, connection.Call(&Connection::Stub::GetStudy, get));

  std::map<int64_t, TrialResults> trials;
  v1::ListTrialsRequest list_trials;
  list_trials.set_study(study);
  const auto take_trials = [&](v1::ListTrialsResponse page) {
    for (auto& trial : *page.mutable_trials()) trials[trial.number()].trial = std::move(trial);
  };
  TP_RETURN_IF_ERROR(
      ForEachPage(connection, &Connection::Stub::ListTrials, list_trials, take_trials));

  v1::ListRunsRequest list_runs;
  list_runs.set_parent(study);
  const auto take_runs = [&](v1::ListRunsResponse page) {
    for (auto& run : *page.mutable_runs()) {
      // A trial made since its page was read is left for the next time.
      const auto trial = trials.find(run.trial());
      if (trial != trials.end()) trial->second.runs.push_back(std::move(run));
    }
  };
  TP_RETURN_IF_ERROR(ForEachPage(connection, &Connection::Stub::ListRuns, list_runs, take_runs));

  for (auto& [number, trial] : trials) {
    std::sort(trial.runs.begin(), trial.runs.end(),
              [](const v1::Run& a, const v1::Run& b) { return a.replicate() < b.replicate(); });
    results.trials.push_back(std::move(trial));
  }
  if (with_history) TP_RETURN_IF_ERROR(FetchHistory(connection, study, results));
  return results;
}

}  // namespace tpsweep::client
