#include "client/importance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/values.h"
#include "common/spec/text.h"
#include "common/statistics/ranks.h"

namespace tpsweep::client {
namespace {

using google::protobuf::Value;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

double CategoryOf(const Value& value, const v1::Choice& choice) {
  const Json json = ParameterJson(value);
  for (int i = 0; i < choice.values_size(); ++i) {
    if (ParameterJson(choice.values(i)) == json) return i;
  }
  return kMissing;
}

double NumberOf(const Value& value, const v1::Parameter& parameter) {
  switch (parameter.domain_case()) {
    case v1::Parameter::kChoice:
      return CategoryOf(value, parameter.choice());
    case v1::Parameter::kBoolean:
      return value.bool_value() ? 1 : 0;
    case v1::Parameter::kLog:
      return value.number_value() > 0 ? std::log10(value.number_value()) : kMissing;
    default:
      return value.number_value();
  }
}

std::string ScaleOf(const v1::Parameter& parameter) {
  if (parameter.has_choice() || parameter.has_boolean()) return "categories";
  return parameter.has_log() ? "log" : "linear";
}

statistics::Column ColumnOf(const v1::Parameter& parameter,
                            const std::vector<const TrialResults*>& trials) {
  statistics::Column column;
  if (parameter.has_choice()) column.categories = parameter.choice().values_size();
  for (const TrialResults* trial : trials) {
    const Value* value = FindParameter(trial->trial, parameter.path());
    column.values.push_back(value == nullptr ? kMissing : NumberOf(*value, parameter));
  }
  return column;
}

// How bad a trial is, larger is worse; nothing without a finite value.
std::optional<double> Badness(const TrialResults& trial, const v1::Objective& objective,
                              const std::string& metric) {
  double value = kMissing;
  if (metric != objective.metric()) {
    if (const std::optional<Spread> spread = SpreadOf(trial, metric)) value = spread->mean;
  } else if (trial.trial.has_objective()) {
    value =
        objective.goal() == v1::GOAL_MAXIMIZE ? -trial.trial.objective() : trial.trial.objective();
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<StudyImportance> ImportanceOf(const StudyResults& results,
                                             const std::string& metric) {
  const v1::StudySpec& spec = results.study.spec();
  StudyImportance importance;
  importance.study = BareName(results.study.name());
  importance.metric = metric.empty() ? spec.objective().metric() : metric;
  importance.sampler = LearningSampler(spec);
  if (spec.space().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("study ", importance.study, " searches nothing: its space is empty"));
  }

  std::vector<const TrialResults*> trials;
  std::vector<double> badness;
  for (const TrialResults& trial : results.trials) {
    if (trial.trial.state() == v1::TRIAL_STATE_ACTIVE) ++importance.open;
    if (trial.trial.state() == v1::TRIAL_STATE_ACTIVE ||
        trial.trial.state() == v1::TRIAL_STATE_CANCELLED) {
      continue;
    }
    const std::optional<double> value = Badness(trial, spec.objective(), importance.metric);
    importance.without_value += !value;
    trials.push_back(&trial);
    badness.push_back(value.value_or(std::numeric_limits<double>::infinity()));
  }
  importance.trials = static_cast<int64_t>(trials.size());
  if (importance.trials < kFewestTrials) {
    return absl::FailedPreconditionError(
        absl::StrCat("study ", importance.study, ": ", importance.trials,
                     " ended so far, and what matters cannot be told from fewer than ",
                     kFewestTrials, " trials"));
  }
  const std::vector<std::string> reported = ReportedMetrics(results);
  if (std::find(reported.begin(), reported.end(), importance.metric) == reported.end()) {
    return absl::InvalidArgumentError(absl::StrCat("--metric ", importance.metric,
                                                   ": no run reports it",
                                                   spec::LegalNames(importance.metric, reported)));
  }
  if (std::equal(badness.begin() + 1, badness.end(), badness.begin())) {
    return absl::FailedPreconditionError(
        absl::StrCat("all ", importance.trials, " trials of study ", importance.study,
                     " are equally good by ", importance.metric, ": nothing depends on anything"));
  }

  std::vector<double> ranks;
  for (const int doubled : statistics::RanksOf(badness).doubled) ranks.push_back(doubled / 2.0);
  std::vector<statistics::Column> columns;
  for (const v1::Parameter& parameter : spec.space()) {
    columns.push_back(ColumnOf(parameter, trials));
    ParameterImportance& entry = importance.parameters.emplace_back();
    entry.path = parameter.path();
    entry.scale = ScaleOf(parameter);
    entry.trials = std::count_if(columns.back().values.begin(), columns.back().values.end(),
                                 [](double value) { return !std::isnan(value); });
  }
  // A seed of its own: the same study gives the same importances.
  const statistics::ForestImportance found =
      statistics::PermutationImportance(std::move(columns), ranks, 1);
  importance.r_squared = found.r_squared;
  for (size_t i = 0; i < found.columns.size(); ++i) {
    importance.parameters[i].importance = found.columns[i];
  }
  std::stable_sort(importance.parameters.begin(), importance.parameters.end(),
                   [](const ParameterImportance& a, const ParameterImportance& b) {
                     return a.importance.mean > b.importance.mean;
                   });
  return importance;
}

}  // namespace tpsweep::client
