// Whole lists of a store, which gives them page by page.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status_macros.h"
#include "server/store/store.h"

namespace tpsweep::server {

// Calls `take(T)` with every item of a list of which `list(PageRequest)` reads a page.
template <class T, class List, class Take>
absl::Status ForEach(List list, Take take) {
  PageRequest request{1000, ""};
  do {
    absl::StatusOr<Page<T>> page = list(request);
    TP_RETURN_IF_ERROR(page.status());
    for (T& item : page->items) TP_RETURN_IF_ERROR(take(std::move(item)));
    request.token = page->next_token;
  } while (!request.token.empty());
  return absl::OkStatus();
}

// The runs below `parent`: a study or a trial, by its resource name.
inline absl::StatusOr<std::vector<v1::Run>> RunsOf(const Store& store, const std::string& parent) {
  std::vector<v1::Run> runs;
  TP_RETURN_IF_ERROR(ForEach<v1::Run>(
      [&](const PageRequest& page) {
        return store.ListRuns({parent, {}}, page);
      },
      [&](v1::Run run) {
        runs.push_back(std::move(run));
        return absl::OkStatus();
      }));
  return runs;
}

inline absl::StatusOr<std::vector<v1::Trial>> TrialsOf(const Store& store,
                                                       const std::string& study) {
  std::vector<v1::Trial> trials;
  TP_RETURN_IF_ERROR(ForEach<v1::Trial>(
      [&](const PageRequest& page) {
        return store.ListTrials({study, {}}, page);
      },
      [&](v1::Trial trial) {
        trials.push_back(std::move(trial));
        return absl::OkStatus();
      }));
  return trials;
}

}  // namespace tpsweep::server
