#include "server/coordinator/imports.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/coordinator/study_state.h"
#include "server/search/history.h"
#include "server/search/search_space.h"

namespace tpsweep::server {
namespace {

// A study's record is written with every change of the study.
constexpr size_t kMostImported = 200;
constexpr int kPageSize = 1000;

template <class... Pieces>
absl::Status Bad(const std::string& path, const Pieces&... message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", message...));
}

// What decides which trial is better, in words.
std::string JudgementText(const v1::StudySpec& spec) {
  const auto objective = [](const v1::Objective& of) {
    return absl::StrCat(of.goal() == v1::GOAL_MAXIMIZE ? "maximize " : "minimize ", of.metric());
  };
  std::vector<std::string> parts = {objective(spec.objective())};
  for (const v1::Objective& further : spec.further_objectives())
    parts.push_back(objective(further));
  for (const v1::Constraint& constraint : spec.constraints()) {
    parts.push_back(absl::StrCat(constraint.metric(), " at most ", constraint.at_most()));
  }
  return absl::StrJoin(parts, ", ");
}

// From the paths of the other study to those of `spec`.
absl::StatusOr<std::map<std::string, std::string>> PathsHere(const v1::StudySpec& spec,
                                                             const v1::StudySpec& other,
                                                             const v1::Import& import,
                                                             const std::string& at) {
  std::vector<std::string> known;
  for (const v1::Parameter& parameter : other.space()) known.push_back(parameter.path());
  std::map<std::string, std::string> renamed;  // here to there
  for (const v1::Renamed& one : import.parameters()) {
    if (std::find(known.begin(), known.end(), one.there()) == known.end()) {
      return Bad(absl::StrCat(at, ".parameters.", one.path()), "study '", import.study(),
                 "' did not search '", one.there(), "'; it searched ", absl::StrJoin(known, ", "));
    }
    renamed[one.path()] = one.there();
  }
  std::map<std::string, std::string> here;
  for (const v1::Parameter& parameter : spec.space()) {
    const auto other_name = renamed.find(parameter.path());
    const std::string& there = other_name == renamed.end() ? parameter.path() : other_name->second;
    if (std::find(known.begin(), known.end(), there) != known.end()) {
      here[there] = parameter.path();
    }
  }
  if (here.empty()) {
    return Bad(at, "study '", import.study(),
               "' has no parameter in common with this one; it "
               "searched ",
               known.empty() ? "nothing" : absl::StrJoin(known, ", "),
               " (parameters: {HERE: THERE} says which is which)");
  }
  return here;
}

v1::Trial Renamed(const v1::Trial& trial, const std::map<std::string, std::string>& here,
                  const SearchSpace& space) {
  v1::Trial made = trial;
  made.clear_name();
  made.clear_number();
  made.clear_source();
  made.clear_fork();
  made.clear_parameters();
  for (const v1::Assignment& assignment : trial.parameters()) {
    const auto path = here.find(assignment.path());
    if (path == here.end()) continue;
    for (int i = 0; i < space.size(); ++i) {
      if (space.parameter(i).path() != path->second) continue;
      if (IsAbsent(space.axis(i).ToCoordinate(assignment.value()))) continue;
      v1::Assignment& added = *made.add_parameters();
      added = assignment;
      added.set_path(path->second);
    }
  }
  return made;
}

}  // namespace

absl::StatusOr<std::vector<v1::Trial>> ImportTrials(const Store& store, const v1::StudySpec& spec) {
  const SearchSpace space(spec);
  History history(space, spec);
  std::vector<v1::Trial> all;
  for (int i = 0; i < spec.search().import_from_size(); ++i) {
    const v1::Import& import = spec.search().import_from(i);
    const std::string at = absl::StrCat("search.import_from[", i, "]");
    const absl::StatusOr<v1::Study> study = store.GetStudy(ToString(StudyName{import.study()}));
    if (absl::IsNotFound(study.status())) {
      return Bad(at + ".study", "there is no study '", import.study(), "' on this server");
    }
    TP_RETURN_IF_ERROR(study.status());
    if (!IsEnd(study->state())) {
      return Bad(at + ".study", "study '", import.study(),
                 "' has not ended; wait for its end, or cancel it");
    }
    if (JudgementText(study->spec()) != JudgementText(spec)) {
      return Bad(at + ".study", "study '", import.study(),
                 "' had other objectives: ", JudgementText(study->spec()),
                 "; here: ", JudgementText(spec));
    }
    TP_ASSIGN_OR_RETURN(const auto here, PathsHere(spec, study->spec(), import, at));
    PageRequest page{kPageSize, ""};
    do {
      TP_ASSIGN_OR_RETURN(Page<v1::Trial> trials, store.ListTrials({study->name(), {}}, page));
      for (const v1::Trial& trial : trials.items) {
        if (trial.state() == v1::TRIAL_STATE_CANCELLED) continue;
        v1::Trial renamed = Renamed(trial, here, space);
        if (renamed.parameters().empty()) continue;
        history.Import(renamed);
        all.push_back(std::move(renamed));
      }
      page.token = trials.next_token;
    } while (!page.token.empty());
  }
  std::vector<v1::Trial> best;
  for (const int row : history.Ranked()) {
    if (best.size() == kMostImported) break;
    best.push_back(std::move(all[static_cast<size_t>(row)]));
  }
  return best;
}

}  // namespace tpsweep::server
