#include "client/comparison_view.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/chart.h"
#include "client/comparison_notes.h"
#include "client/results_json.h"
#include "client/results_table.h"
#include "client/values.h"

namespace tpsweep::client {
namespace {

const Cell kNothing = {"-", nullptr};

Json NumberJson(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Cell NumberCell(const std::optional<double>& value) {
  return value ? Cell{MetricText(*value), NumberJson(*value)} : kNothing;
}

// "0.1000 .. 0.1200", "up to 0.1200" where nothing is known below.
Cell IntervalCell(const std::optional<statistics::Interval>& interval) {
  if (!interval) return kNothing;
  const bool has_low = std::isfinite(interval->low), has_high = std::isfinite(interval->high);
  const std::string low = MetricText(interval->low), high = MetricText(interval->high);
  const std::string text = has_low && has_high ? absl::StrCat(low, " .. ", high)
                           : has_high          ? absl::StrCat("up to ", high)
                           : has_low           ? absl::StrCat("from ", low)
                                               : "unknown";
  return {text, {NumberJson(interval->low), NumberJson(interval->high)}};
}

Listing GroupListing(const Comparison& comparison) {
  const std::string after =
      absl::StrCat("best ", comparison.objective, " after ", comparison.equal_trials);
  Listing listing{"groups",
                  {{"group", ShortNames({&comparison.by, 1})[0]},
                   {"trials", "trials", Align::kRight},
                   {"runs", ""},
                   {"infeasible_runs", ""},
                   {"failed_runs", ""},
                   {"seconds", "seconds", Align::kRight},
                   {"study", ""},
                   {"best_trial", "best trial", Align::kRight},
                   {"parameters", "its hyperparameters"},
                   {"objective", ""},
                   {"seeds", "seeds", Align::kRight},
                   {"mean", comparison.metric},
                   {"sd", ""},
                   {"interval", "95 % interval"},
                   {"interquartile_mean", "IQM"},
                   {"interquartile_interval", "95 % interval"},
                   {"expected_best", after},
                   {"best_band", "95 % band"}},
                  {},
                  ""};
  for (const ComparedGroup& group : comparison.groups) {
    std::vector<Cell>& row = listing.rows.emplace_back();
    row = {{group.trials.label, group.trials.value},
           CountCell(group.tried),
           CountCell(group.runs),
           CountCell(group.infeasible_runs),
           CountCell(group.failed_runs),
           {absl::StrFormat("%.1f", group.seconds), group.seconds}};
    if (group.best == nullptr) {
      row.resize(listing.columns.size(), kNothing);
      continue;
    }
    const auto at = static_cast<size_t>(comparison.equal_trials - 1);
    const std::optional<Spread> spread = SpreadOf(group.values);
    row.push_back(TextCell(StudyOf(*group.best)));
    row.push_back({TrialText(comparison, *group.best), group.best->trial.number()});
    row.push_back(
        {ChoiceText(group.best->trial, {comparison.by}), ParametersJson(group.best->trial)});
    row.push_back(NumberCell(group.best->trial.objective()));
    row.push_back(CountCell(static_cast<int64_t>(group.values.size())));
    row.push_back({SpreadText(spread), spread ? NumberJson(spread->mean) : Json()});
    row.push_back(NumberCell(spread ? spread->deviation : std::nullopt));
    row.push_back(IntervalCell(group.interval));
    row.push_back(NumberCell(group.interquartile_mean));
    row.push_back(IntervalCell(group.interquartile_interval));
    row.push_back(NumberCell(group.expected_best[at]));
    row.push_back(IntervalCell(group.best_band[at]));
  }
  return listing;
}

std::vector<Column> ContrastColumns(const Comparison& comparison) {
  return {{"difference", absl::StrCat(comparison.metric, " minus ",
                                      comparison.groups[comparison.baseline].trials.label, "'s")},
          {"difference_interval", "95 % interval"},
          {"effect_size", "effect size"},
          {"test", "test"},
          {"p", "p"},
          {"p_holm", "p (Holm)"},
          {"p_ranks", "p (ranks)"},
          {"superiority", "P(higher)"}};
}

Cell PCell(const std::optional<double>& p) {
  if (!p) return kNothing;
  return {*p < 0.0001 ? "<0.0001" : absl::StrFormat("%.4f", *p), *p};
}

std::vector<Cell> ContrastCells(const Contrast& contrast) {
  const auto& test = contrast.test;
  const auto& ranks = contrast.ranks;
  if (!test) return std::vector<Cell>(8, kNothing);
  const absl::string_view name = contrast.is_paired ? "paired t" : "Welch";
  return {NumberCell(test->difference),
          IntervalCell(test->interval),
          test->effect_size ? Cell{absl::StrFormat("%.2f", *test->effect_size), *test->effect_size}
                            : kNothing,
          TextCell(name),
          PCell(test->p_value),
          PCell(contrast.adjusted_p),
          ranks ? PCell(ranks->p_value) : kNothing,
          ranks ? Cell{absl::StrFormat("%.2f", ranks->superiority), ranks->superiority} : kNothing};
}

Listing ContrastListing(const Comparison& comparison) {
  Listing listing{"comparisons", {{"group", ShortNames({&comparison.by, 1})[0]}}, {}, ""};
  for (Column& column : ContrastColumns(comparison)) listing.columns.push_back(std::move(column));
  for (const Contrast& contrast : comparison.contrasts) {
    const TrialGroup& group = comparison.groups[contrast.group].trials;
    std::vector<Cell>& row = listing.rows.emplace_back();
    row.push_back({group.label, group.value});
    for (Cell& cell : ContrastCells(contrast)) row.push_back(std::move(cell));
  }
  return listing;
}

// A line a group, with its contrast behind it.
Listing WideListing(const Comparison& comparison) {
  Listing listing = GroupListing(comparison);
  const std::vector<Column> more = ContrastColumns(comparison);
  listing.columns.insert(listing.columns.end(), more.begin(), more.end());
  for (auto& row : listing.rows) row.resize(listing.columns.size(), kNothing);
  const size_t first = listing.columns.size() - more.size();
  for (const Contrast& contrast : comparison.contrasts) {
    const std::vector<Cell> cells = ContrastCells(contrast);
    std::copy(cells.begin(), cells.end(),
              listing.rows[contrast.group].begin() + static_cast<std::ptrdiff_t>(first));
  }
  return listing;
}

Json CurvesJson(const Comparison& comparison) {
  Json curves = Json::array();
  for (const ComparedGroup& group : comparison.groups) {
    Json expected = Json::array(), low = Json::array(), high = Json::array();
    for (size_t i = 0; i < group.expected_best.size(); ++i) {
      expected.push_back(NumberJson(group.expected_best[i]));
      low.push_back(NumberJson(group.best_band[i].low));
      high.push_back(NumberJson(group.best_band[i].high));
    }
    curves.push_back({{"group", group.trials.value},
                      {"expected", std::move(expected)},
                      {"low", std::move(low)},
                      {"high", std::move(high)}});
  }
  return curves;
}

}  // namespace

void PrintComparison(const Comparison& comparison, Format format, std::ostream& out) {
  const std::vector<std::string> notes = NotesOn(comparison);
  switch (format) {
    case Format::kJson:
      return WriteJson({{"version", kJsonVersion},
                        {"by", comparison.by},
                        {"objective", comparison.objective},
                        {"metric", comparison.metric},
                        {"baseline", comparison.groups[comparison.baseline].trials.value},
                        {"level", kConfidence},
                        {"equal_trials", comparison.equal_trials},
                        {"groups", RowsJson(GroupListing(comparison))},
                        {"comparisons", RowsJson(ContrastListing(comparison))},
                        {"curves", CurvesJson(comparison)},
                        {"notes", notes}},
                       out);
    case Format::kCsv:
      return Write(WideListing(comparison), format, out);
    case Format::kTable:
      Write(GroupListing(comparison), format, out);
      out << "\n";
      Write(ContrastListing(comparison), format, out);
      out << "\n";
      for (const std::string& note : notes) out << "- " << Printable(note) << "\n";
  }
}

std::string ComparisonSvg(const Comparison& comparison) {
  std::vector<Curve> curves;
  for (const ComparedGroup& group : comparison.groups) {
    if (group.best == nullptr) continue;
    Curve& curve = curves.emplace_back();
    curve.label = group.trials.label;
    for (size_t i = 0; i < group.expected_best.size(); ++i) {
      curve.x.push_back(static_cast<double>(i + 1));
      curve.y.push_back(group.expected_best[i]);
      curve.low.push_back(group.best_band[i].low);
      curve.high.push_back(group.best_band[i].high);
    }
  }
  return CurvesSvg(absl::StrCat("Best ", comparison.objective,
                                " after n trials: expected, with the 95 % band of the median"),
                   "trials", comparison.objective, curves);
}

}  // namespace tpsweep::client
