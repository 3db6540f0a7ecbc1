// Plays a study against a Search: some trials run at a time, and end in an order that
// the test chooses.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/spec/field_path.h"
#include "server/search/search.h"

namespace tpsweep::server {

// "path=value path=value ".
inline std::string ToText(const Configuration& configuration) {
  std::string text;
  for (const v1::Assignment& assignment : configuration) {
    absl::StrAppend(&text, assignment.path(), "=", spec::ToText(assignment.value()), " ");
  }
  return text;
}

inline v1::Trial MakeTrial(int64_t number, const Search::Next& next) {
  v1::Trial trial;
  trial.set_number(number);
  trial.set_state(v1::TRIAL_STATE_ACTIVE);
  for (const v1::Assignment& assignment : next.configuration) *trial.add_parameters() = assignment;
  trial.set_source(next.source);
  return trial;
}

// Ends a trial: sets its state and what it measured.
using Ending = std::function<void(v1::Trial& trial)>;

inline double NumberOf(const v1::Trial& trial, const std::string& path) {
  for (const v1::Assignment& assignment : trial.parameters()) {
    if (assignment.path() == path) return assignment.value().number_value();
  }
  return 0;
}

// An objective for any space: differs between configurations, and some trials diverge.
inline void EndAsUsual(v1::Trial& trial) {
  double value = 0;
  for (const v1::Assignment& assignment : trial.parameters()) {
    const std::string text = spec::ToText(assignment.value());
    double number = assignment.value().number_value();
    for (const char c : text) number = number / 2 + static_cast<double>(c) / 100;
    value += number;
  }
  const bool has_diverged = trial.number() % 7 == 3;
  trial.set_state(has_diverged ? v1::TRIAL_STATE_INFEASIBLE : v1::TRIAL_STATE_SUCCEEDED);
  if (!has_diverged) trial.set_objective(value);
}

// Runs the study to its end with `workers` trials at a time; the oldest ends first.
inline std::vector<v1::Trial> RunToEnd(Search& search, const Ending& end = EndAsUsual,
                                       size_t workers = 1) {
  std::vector<v1::Trial> trials;
  size_t ended = 0;
  while (true) {
    std::optional<Search::Next> next;
    if (trials.size() - ended < workers) next = search.Propose();
    if (next.has_value()) {
      trials.push_back(MakeTrial(static_cast<int64_t>(trials.size()), *next));
      search.Add(trials.back());
      continue;
    }
    if (ended == trials.size()) return trials;
    end(trials[ended]);
    search.Tell(trials[ended].number(), trials[ended]);
    ++ended;
  }
}

inline std::vector<std::string> Texts(const std::vector<v1::Trial>& trials) {
  std::vector<std::string> texts;
  for (const v1::Trial& trial : trials) {
    texts.push_back(ToText({trial.parameters().begin(), trial.parameters().end()}));
  }
  return texts;
}

}  // namespace tpsweep::server
