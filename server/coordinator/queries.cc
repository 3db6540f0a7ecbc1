#include "server/coordinator/queries.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/spec/ranking.h"
#include "common/status_macros.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
constexpr int kDefaultBest = 10;

template <class Request>
absl::StatusOr<PageRequest> PageOf(const Request& request) {
  if (request.page_size() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: ", request.page_size(), " is below 0"));
  }
  const int size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  return PageRequest{std::min(size, kMaxPageSize), request.page_token()};
}

template <class T>
std::vector<T> StatesOf(const google::protobuf::RepeatedField<int>& states) {
  std::vector<T> list;
  for (const int state : states) list.push_back(static_cast<T>(state));
  return list;
}

// Moves the page into a response with `items` and a next_page_token.
template <class T, class Response>
Response Fill(Page<T> page, google::protobuf::RepeatedPtrField<T>* (Response::*items)()) {
  Response response;
  auto* list = (response.*items)();
  list->Reserve(static_cast<int>(page.items.size()));
  for (T& item : page.items) *list->Add() = std::move(item);
  response.set_next_page_token(page.next_token);
  return response;
}

void KeepOnly(const std::set<std::string>& metrics, v1::Measurement& measurement) {
  const auto keep = [&metrics](auto& map) {
    for (auto entry = map.begin(); entry != map.end();) {
      entry = metrics.contains(entry->first) ? std::next(entry) : map.erase(entry);
    }
  };
  keep(*measurement.mutable_scalars());
  keep(*measurement.mutable_vectors());
}

}  // namespace

absl::StatusOr<v1::Study> Queries::GetStudy(const v1::GetStudyRequest& request) const {
  TP_RETURN_IF_ERROR(ParseStudyName(request.name()).status());
  TP_ASSIGN_OR_RETURN(v1::Study study, store_.GetStudy(request.name()));
  study.set_waiting_reason(coordinator_.WaitingReason(study));
  return study;
}

absl::StatusOr<v1::ListStudiesResponse> Queries::ListStudies(
    const v1::ListStudiesRequest& request) const {
  TP_ASSIGN_OR_RETURN(const PageRequest page, PageOf(request));
  const StudyFilter filter{StatesOf<v1::StudyState>(request.states()), request.name_prefix()};
  TP_ASSIGN_OR_RETURN(Page<v1::Study> studies, store_.ListStudies(filter, page));
  for (v1::Study& study : studies.items) {
    study.set_waiting_reason(coordinator_.WaitingReason(study));
  }
  return Fill(std::move(studies), &v1::ListStudiesResponse::mutable_studies);
}

absl::StatusOr<v1::ListTrialsResponse> Queries::ListTrials(
    const v1::ListTrialsRequest& request) const {
  TP_RETURN_IF_ERROR(ParseStudyName(request.study()).status());
  TP_ASSIGN_OR_RETURN(const PageRequest page, PageOf(request));
  const TrialFilter filter{request.study(), StatesOf<v1::TrialState>(request.states())};
  TP_ASSIGN_OR_RETURN(Page<v1::Trial> trials, store_.ListTrials(filter, page));
  return Fill(std::move(trials), &v1::ListTrialsResponse::mutable_trials);
}

absl::StatusOr<v1::ListRunsResponse> Queries::ListRuns(const v1::ListRunsRequest& request) const {
  TP_RETURN_IF_ERROR(ParseResourceName(request.parent()).status());
  TP_ASSIGN_OR_RETURN(const PageRequest page, PageOf(request));
  const RunFilter filter{request.parent(), StatesOf<v1::RunState>(request.states())};
  TP_ASSIGN_OR_RETURN(Page<v1::Run> runs, store_.ListRuns(filter, page));
  return Fill(std::move(runs), &v1::ListRunsResponse::mutable_runs);
}

absl::StatusOr<v1::ListMeasurementsResponse> Queries::ListMeasurements(
    const v1::ListMeasurementsRequest& request) const {
  TP_RETURN_IF_ERROR(ParseResourceName(request.parent()).status());
  TP_ASSIGN_OR_RETURN(const PageRequest page, PageOf(request));
  TP_ASSIGN_OR_RETURN(Page<v1::MeasurementRecord> records,
                      store_.ListMeasurements({request.parent(), request.all_attempts()}, page));
  const std::set<std::string> metrics(request.metrics().begin(), request.metrics().end());
  if (!metrics.empty()) {
    for (v1::MeasurementRecord& record : records.items) {
      KeepOnly(metrics, *record.mutable_measurement());
    }
  }
  return Fill(std::move(records), &v1::ListMeasurementsResponse::mutable_measurements);
}

absl::StatusOr<std::vector<v1::Trial>> Queries::BestOf(const v1::Study& study, int count) const {
  if (study.spec().constraints().empty()) {
    return store_.BestTrials(study.name(), study.spec().objective().goal(), count);
  }
  // The store orders by the objective alone.
  TP_ASSIGN_OR_RETURN(std::vector<v1::Trial> trials, TrialsOf(store_, study.name()));
  std::erase_if(trials, [](const v1::Trial& t) { return t.state() != v1::TRIAL_STATE_SUCCEEDED; });
  std::stable_sort(trials.begin(), trials.end(), [&](const v1::Trial& a, const v1::Trial& b) {
    return spec::RankOf(study.spec(), a) < spec::RankOf(study.spec(), b);
  });
  trials.resize(std::min(trials.size(), static_cast<size_t>(count)));
  return trials;
}

absl::StatusOr<v1::BestTrialsResponse> Queries::BestTrials(
    const v1::BestTrialsRequest& request) const {
  TP_RETURN_IF_ERROR(ParseStudyName(request.study()).status());
  if (request.count() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("count: ", request.count(), " is below 0"));
  }
  TP_ASSIGN_OR_RETURN(const v1::Study study, store_.GetStudy(request.study()));
  const int count = request.count() == 0 ? kDefaultBest : std::min(request.count(), kMaxPageSize);
  TP_ASSIGN_OR_RETURN(std::vector<v1::Trial> trials, BestOf(study, count));
  v1::BestTrialsResponse response;
  for (v1::Trial& trial : trials) *response.add_trials() = std::move(trial);
  return response;
}

absl::StatusOr<v1::ListWorkersResponse> Queries::ListWorkers() const {
  v1::ListWorkersResponse response;
  for (v1::Worker& worker : coordinator_.Workers()) *response.add_workers() = std::move(worker);
  return response;
}

}  // namespace tpsweep::server
