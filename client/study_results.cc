#include "client/study_results.h"

#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/values.h"

namespace tpsweep::client {
namespace {

std::optional<Spread> SpreadOverSucceeded(
    const TrialResults& trial, const std::function<std::optional<double>(const v1::Run&)>& value) {
  std::vector<double> values;
  for (const v1::Run& run : trial.runs) {
    if (run.state() != v1::RUN_STATE_SUCCEEDED) continue;
    if (const std::optional<double> one = value(run)) values.push_back(*one);
  }
  return SpreadOf(values);
}

}  // namespace

std::optional<Spread> SpreadOf(absl::Span<const double> values) {
  if (values.empty()) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / count;
  if (values.size() == 1) return Spread{mean, std::nullopt};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return Spread{mean, std::sqrt(squares / (count - 1))};
}

std::optional<Spread> SpreadOf(const TrialResults& trial, absl::string_view metric) {
  return SpreadOverSucceeded(trial, [&](const v1::Run& run) -> std::optional<double> {
    const auto& scalars = run.latest().scalars();
    const auto found = scalars.find(std::string(metric));
    return found == scalars.end() ? std::nullopt : std::optional<double>(found->second);
  });
}

std::optional<Spread> SecondsOf(const TrialResults& trial) {
  return SpreadOverSucceeded(trial, [](const v1::Run& run) -> std::optional<double> {
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

const google::protobuf::Value* FindParameter(const v1::Trial& trial, absl::string_view path) {
  for (const v1::Assignment& assignment : trial.parameters()) {
    if (assignment.path() == path) return &assignment.value();
  }
  return nullptr;
}

}  // namespace tpsweep::client
