#include "client/results_table.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "client/results_json.h"
#include "client/trial_groups.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

// Parameters that every trial has get a column each; the others, which would
// leave most of their columns empty, share one.
struct Space {
  explicit Space(const v1::StudySpec& spec) {
    for (const v1::Parameter& parameter : spec.space()) {
      all.push_back(parameter.path());
      if (parameter.when().empty()) common.push_back(parameter.path());
    }
    short_names = ShortNames(all);
  }
  std::string ShortName(const std::string& path) const {
    return short_names[static_cast<size_t>(std::find(all.begin(), all.end(), path) - all.begin())];
  }
  bool has_conditional() const { return common.size() < all.size(); }

  std::vector<std::string> all;
  std::vector<std::string> common;
  std::vector<std::string> short_names;
};

// What the study is after first, then what most people look at, as far as the runs have it.
std::vector<std::string> MainMetrics(const StudyResults& results) {
  const v1::StudySpec& spec = results.study.spec();
  std::vector<std::string> wanted = {spec.objective().metric()};
  for (const v1::Objective& further : spec.further_objectives()) wanted.push_back(further.metric());
  for (const v1::Constraint& constraint : spec.constraints()) wanted.push_back(constraint.metric());
  wanted.insert(wanted.end(),
                {"validation/error", "test/error", "selected/test_error", "train/loss"});
  std::vector<std::string> metrics;
  for (const std::string& name : wanted) {
    const auto has_it = [&](const v1::Run& run) { return MetricOf(run, name).has_value(); };
    const bool is_measured =
        std::any_of(results.trials.begin(), results.trials.end(), [&](const TrialResults& trial) {
          return std::any_of(trial.runs.begin(), trial.runs.end(), has_it);
        });
    const bool is_new = std::find(metrics.begin(), metrics.end(), name) == metrics.end();
    if (is_measured && is_new) metrics.push_back(name);
  }
  return metrics;
}

void AddParameterColumns(const Space& space, Listing& listing) {
  for (const std::string& path : space.common) {
    listing.columns.push_back({path, space.ShortName(path)});
  }
  if (space.has_conditional()) listing.columns.push_back({"parameters", "other parameters"});
}

void AddParameterCells(const Space& space, const v1::Trial& trial, std::vector<Cell>& row) {
  for (const std::string& path : space.common) {
    const google::protobuf::Value* value = FindParameter(trial, path);
    row.push_back(value == nullptr ? Cell{"-", nullptr}
                                   : Cell{ParameterText(*value), ParameterJson(*value)});
  }
  if (space.has_conditional()) {
    row.push_back({ChoiceText(trial, space.common), ParametersJson(trial)});
  }
}

Cell SpreadCell(const std::optional<Spread>& spread) {
  if (!spread) return {"-", nullptr};
  Json deviation;
  if (spread->deviation) deviation = *spread->deviation;
  return {SpreadText(spread), {{"mean", spread->mean}, {"sd", deviation}}};
}

Cell SecondsCell(const std::optional<Spread>& seconds) {
  if (!seconds) return {"-", nullptr};
  return {absl::StrFormat("%.1f", seconds->mean), seconds->mean};
}

// "5 after 3": trial and epoch from which it went on.
Cell ParentCell(const v1::Trial& trial) {
  if (!trial.has_fork()) return {"-", nullptr};
  return {absl::StrCat(trial.fork().parent(), " after ", trial.fork().epoch()),
          trial.fork().parent()};
}

bool HasScheduler(const v1::StudySpec& spec) {
  const v1::Scheduler& scheduler = spec.search().scheduler();
  return scheduler.algorithm_case() != v1::Scheduler::kNone &&
         scheduler.algorithm_case() != v1::Scheduler::ALGORITHM_NOT_SET;
}

// SUCCEEDED, SUCCEEDED (1 of 2 INFEASIBLE), ACTIVE (1 of 2 done).
std::string TrialStateText(const TrialResults& trial) {
  const std::string state = StateText(trial.trial.state());
  if (trial.trial.state() == v1::TRIAL_STATE_ACTIVE) {
    const auto done = std::count_if(trial.runs.begin(), trial.runs.end(),
                                    [](const v1::Run& run) { return HasEnded(run.state()); });
    return absl::StrCat(state, " (", done, " of ", trial.runs.size(), " done)");
  }
  std::map<std::string, int> others;
  for (const v1::Run& run : trial.runs) {
    const std::string run_state = StateText(run.state());
    if (run_state != state) ++others[run_state];
  }
  std::vector<std::string> words;
  for (const auto& [other, count] : others) {
    words.push_back(absl::StrCat(count, " of ", trial.runs.size(), " ", other));
  }
  return words.empty() ? state : absl::StrCat(state, " (", absl::StrJoin(words, ", "), ")");
}

// `path` as the study's space has it, from a path or a short name.
absl::StatusOr<std::string> SearchedPath(const Space& space, absl::string_view path) {
  for (size_t i = 0; i < space.all.size(); ++i) {
    if (space.all[i] == path || space.short_names[i] == path) return space.all[i];
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--by ", path, ": the study does not search it; ",
      space.all.empty() ? "it searches nothing" : "it searches ", absl::StrJoin(space.all, ", ")));
}

}  // namespace

std::string ChoiceText(const v1::Trial& trial, absl::Span<const std::string> but) {
  std::vector<std::string> paths;
  for (const v1::Assignment& assignment : trial.parameters()) paths.push_back(assignment.path());
  const std::vector<std::string> names = ShortNames(paths);
  std::vector<std::string> words;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (std::find(but.begin(), but.end(), paths[i]) != but.end()) continue;
    const auto& value = trial.parameters(static_cast<int>(i)).value();
    words.push_back(absl::StrCat(names[i], "=", ParameterText(value)));
  }
  return absl::StrJoin(words, " ");
}

Listing TrialTable(const StudyResults& results) {
  const Space space(results.study.spec());
  const std::vector<std::string> metrics = MainMetrics(results);
  Listing listing{"trials", {{"trial", "trial", Align::kRight}}, {}, "no trials yet"};
  AddParameterColumns(space, listing);
  listing.columns.push_back({"state", "state"});
  const bool has_rungs = HasScheduler(results.study.spec());
  if (has_rungs) listing.columns.push_back({"epochs", "epochs", Align::kRight});
  const bool has_parents = results.study.spec().search().scheduler().has_pbt();
  if (has_parents) listing.columns.push_back({"parent", "parent", Align::kRight});
  for (const std::string& name : metrics) listing.columns.push_back({name, name});
  listing.columns.push_back({"seconds", "seconds", Align::kRight});
  for (const TrialResults& trial : results.trials) {
    std::vector<Cell>& row = listing.rows.emplace_back();
    row.push_back(CountCell(trial.trial.number()));
    AddParameterCells(space, trial.trial, row);
    row.push_back(TextCell(TrialStateText(trial)));
    if (has_rungs) row.push_back(CountCell(trial.trial.epochs()));
    if (has_parents) row.push_back(ParentCell(trial.trial));
    for (const std::string& name : metrics) row.push_back(SpreadCell(SpreadOf(trial, name)));
    row.push_back(SecondsCell(SecondsOf(trial)));
  }
  return listing;
}

Listing RunTable(const StudyResults& results) {
  const Space space(results.study.spec());
  const std::vector<std::string> metrics = MainMetrics(results);
  Listing listing{"runs",
                  {{"trial", "trial", Align::kRight}, {"replicate", "replicate", Align::kRight}},
                  {},
                  "no runs yet"};
  AddParameterColumns(space, listing);
  listing.columns.push_back({"state", "state"});
  for (const std::string& name : metrics) listing.columns.push_back({name, name, Align::kRight});
  listing.columns.push_back({"seconds", "seconds", Align::kRight});
  listing.columns.push_back({"message", "message"});
  for (const TrialResults& trial : results.trials) {
    for (const v1::Run& run : trial.runs) {
      std::vector<Cell>& row = listing.rows.emplace_back();
      row.push_back(CountCell(run.trial()));
      row.push_back(CountCell(run.replicate()));
      AddParameterCells(space, trial.trial, row);
      row.push_back(TextCell(StateText(run.state())));
      for (const std::string& name : metrics) {
        const std::optional<double> value = MetricOf(run, name);
        row.push_back(value ? Cell{MetricText(*value), *value} : Cell{"-", nullptr});
      }
      row.push_back(run.has_latest() ? SecondsCell(Spread{run.latest().wall_seconds(), {}})
                                     : SecondsCell(std::nullopt));
      row.push_back(TextCell(run.message()));
    }
  }
  return listing;
}

Listing EpochTable(const StudyResults& results) {
  const Space space(results.study.spec());
  const std::vector<std::string> metrics = MainMetrics(results);
  Listing listing{"epochs", {{"trial", "trial", Align::kRight}}, {}, "no epochs yet"};
  AddParameterColumns(space, listing);
  listing.columns.push_back({"epoch", "epoch", Align::kRight});
  listing.columns.push_back({"runs", "runs", Align::kRight});
  for (const std::string& name : metrics) listing.columns.push_back({name, name});
  for (const TrialResults& trial : results.trials) {
    // By epoch: the measurements of all runs.
    std::map<int64_t, std::vector<const v1::Measurement*>> epochs;
    for (const v1::Run& run : trial.runs) {
      const auto history = results.history.find(run.name());
      if (history == results.history.end()) continue;
      for (const v1::Measurement& measurement : history->second) {
        epochs[measurement.epoch()].push_back(&measurement);
      }
    }
    for (const auto& [epoch, measurements] : epochs) {
      std::vector<Cell>& row = listing.rows.emplace_back();
      row.push_back(CountCell(trial.trial.number()));
      AddParameterCells(space, trial.trial, row);
      row.push_back(CountCell(epoch));
      row.push_back(CountCell(static_cast<int64_t>(measurements.size())));
      for (const std::string& name : metrics) {
        std::vector<double> values;
        for (const v1::Measurement* measurement : measurements) {
          const auto scalar = measurement->scalars().find(name);
          if (scalar != measurement->scalars().end()) values.push_back(scalar->second);
        }
        row.push_back(SpreadCell(SpreadOf(values)));
      }
    }
  }
  return listing;
}

absl::StatusOr<Listing> GroupTable(const StudyResults& results, absl::string_view path) {
  const Space space(results.study.spec());
  TP_ASSIGN_OR_RETURN(const std::string by, SearchedPath(space, path));
  const std::vector<std::string> metrics = MainMetrics(results);

  TP_ASSIGN_OR_RETURN(const TrialGroups grouped, GroupTrials({&results, 1}, by));

  Listing listing{"groups",
                  {{by, space.ShortName(by)},
                   {"trials", "trials", Align::kRight},
                   {"best_trial", "best trial", Align::kRight},
                   {"parameters", "its hyperparameters"}},
                  {},
                  "no trials yet"};
  for (const std::string& name : metrics) listing.columns.push_back({name, name});
  listing.columns.push_back({"seconds", "seconds", Align::kRight});
  for (const TrialGroup& group : grouped.groups) {
    std::vector<Cell>& row = listing.rows.emplace_back();
    row.push_back({group.label, group.value});
    row.push_back(CountCell(static_cast<int64_t>(group.trials.size())));
    const TrialResults* best = BestOf(group.trials, results.study.spec());
    if (best == nullptr) {
      row.resize(listing.columns.size(), Cell{"-", nullptr});
      continue;
    }
    row.push_back(CountCell(best->trial.number()));
    row.push_back({ChoiceText(best->trial, {by}), ParametersJson(best->trial)});
    for (const std::string& name : metrics) row.push_back(SpreadCell(SpreadOf(*best, name)));
    row.push_back(SecondsCell(SecondsOf(*best)));
  }
  return listing;
}

}  // namespace tpsweep::client
