#include "client/study_results.h"

#include <cmath>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/values.h"
#include "common/statistics/summary.h"

namespace tpsweep::client {
namespace {

// Over the runs that say what the trial is worth: those that succeeded, or, if it was
// stopped at a rung, those that were there.
std::optional<Spread> SpreadOverRuns(
    const TrialResults& trial, const std::function<std::optional<double>(const v1::Run&)>& value) {
  std::vector<double> values;
  for (const v1::Run& run : trial.runs) {
    const bool was_stopped =
        trial.trial.state() == v1::TRIAL_STATE_STOPPED && run.state() == v1::RUN_STATE_STOPPED;
    if (run.state() != v1::RUN_STATE_SUCCEEDED && !was_stopped) continue;
    if (const std::optional<double> one = value(run)) values.push_back(*one);
  }
  return SpreadOf(values);
}

}  // namespace

std::optional<Spread> SpreadOf(absl::Span<const double> values) {
  if (values.empty()) return std::nullopt;
  return Spread{statistics::Mean(values), statistics::SampleDeviation(values)};
}

std::optional<double> MetricOf(const v1::Run& run, absl::string_view metric) {
  for (const auto* values : {&run.latest().scalars(), &run.entries()}) {
    const auto found = values->find(std::string(metric));
    if (found != values->end()) return found->second;
  }
  return std::nullopt;
}

std::optional<Spread> SpreadOf(const TrialResults& trial, absl::string_view metric) {
  return SpreadOverRuns(trial, [&](const v1::Run& run) { return MetricOf(run, metric); });
}

std::optional<Spread> SecondsOf(const TrialResults& trial) {
  return SpreadOverRuns(trial, [](const v1::Run& run) -> std::optional<double> {
    return run.latest().wall_seconds();
  });
}

std::string SpreadText(const std::optional<Spread>& spread) {
  if (!spread) return "-";
  if (!spread->deviation) return MetricText(spread->mean);
  const std::string mean = MetricText(spread->mean);
  // As many digits as the mean: 0.1234 ± 0.0004.
  const bool is_fixed = mean.find('e') == std::string::npos && std::abs(spread->mean) >= 0.001;
  return absl::StrCat(
      mean, " ± ",
      is_fixed ? absl::StrFormat("%.4f", *spread->deviation) : MetricText(*spread->deviation));
}

std::vector<std::string> ReportedMetrics(const StudyResults& results) {
  std::set<std::string> metrics;
  for (const TrialResults& trial : results.trials) {
    for (const v1::Run& run : trial.runs) {
      for (const auto& [name, value] : run.latest().scalars()) metrics.insert(name);
    }
  }
  return {metrics.begin(), metrics.end()};
}

std::string LearningSampler(const v1::StudySpec& spec) {
  const v1::Sampler& sampler = spec.search().sampler();
  const auto* oneof = v1::Sampler::descriptor()->oneof_decl(0);
  const auto* member = sampler.GetReflection()->GetOneofFieldDescriptor(sampler, oneof);
  const bool is_blind = member == nullptr || member->name() == "grid" ||
                        member->name() == "random" || member->name() == "sobol";
  return is_blind ? "" : member->name();
}

const google::protobuf::Value* FindParameter(const v1::Trial& trial, absl::string_view path) {
  for (const v1::Assignment& assignment : trial.parameters()) {
    if (assignment.path() == path) return &assignment.value();
  }
  return nullptr;
}

}  // namespace tpsweep::client
