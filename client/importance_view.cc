#include "client/importance_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/chart.h"
#include "client/values.h"

namespace tpsweep::client {
namespace {

constexpr char kMethod[] = "permutation importance over a random forest";

std::vector<std::string> ShortNamesOf(const StudyImportance& importance) {
  std::vector<std::string> paths;
  for (const ParameterImportance& parameter : importance.parameters) {
    paths.push_back(parameter.path);
  }
  return ShortNames(paths);
}

// Too small to speak of, or not told from 0 by the exchanges: two standard errors.
bool IsSilent(const statistics::Importance& importance) {
  const double error = importance.deviation / std::sqrt(double{statistics::kExchanges});
  return importance.mean < 0.02 || importance.mean <= 2 * error;
}

Listing ImportanceListing(const StudyImportance& importance) {
  Listing listing{"parameters",
                  {{"path", ""},
                   {"name", "parameter"},
                   {"importance", "importance", Align::kRight},
                   {"sd", "", Align::kRight},
                   {"scale", "scale"},
                   {"trials", "trials", Align::kRight}},
                  {},
                  ""};
  const std::vector<std::string> names = ShortNamesOf(importance);
  for (size_t i = 0; i < names.size(); ++i) {
    const ParameterImportance& parameter = importance.parameters[i];
    const statistics::Importance& value = parameter.importance;
    listing.rows.push_back(
        {TextCell(parameter.path),
         TextCell(names[i]),
         {absl::StrFormat("%.3f ± %.3f", value.mean, value.deviation), value.mean},
         {"", value.deviation},
         TextCell(parameter.scale),
         CountCell(parameter.trials)});
  }
  return listing;
}

}  // namespace

std::vector<std::string> NotesOn(const StudyImportance& importance) {
  std::vector<std::string> notes;
  notes.push_back(absl::StrFormat(
      "Permutation importance over a random forest of %d trees, which predicts the ranks of %d "
      "trials by %s with an out-of-bag R2 of %.2f. 1: exchanging the values of the parameter adds "
      "as much squared error as all trials have variance; 0: the forest does not need it.",
      statistics::RandomForest::kTrees, importance.trials, importance.metric,
      importance.r_squared));
  if (importance.r_squared < kPoorFit) {
    notes.push_back(absl::StrFormat(
        "WARNING: the forest does not predict (R2 below %.2f), so these importances mean nothing. "
        "More trials may help; or nothing that is searched matters beside the noise of the seeds.",
        kPoorFit));
  } else {
    const std::vector<std::string> names = ShortNamesOf(importance);
    std::vector<std::string> silent;
    for (size_t i = 0; i < names.size(); ++i) {
      if (IsSilent(importance.parameters[i].importance)) silent.push_back(names[i]);
    }
    if (silent.size() < names.size()) {
      notes.push_back(
          absl::StrCat("Within the ranges that were searched ", names[0], " matters most."));
    }
    if (!silent.empty()) {
      notes.push_back(absl::StrCat("No effect is seen of ", absl::StrJoin(silent, ", "),
                                   ": none within these ranges, or too small for so many trials."));
    }
  }
  const auto is_partial = [&](const ParameterImportance& parameter) {
    return parameter.trials < importance.trials;
  };
  if (std::any_of(importance.parameters.begin(), importance.parameters.end(), is_partial)) {
    notes.push_back(
        "A parameter that exists in some trials only counts by what it does there, over the "
        "variance of all.");
  }
  if (importance.without_value > 0) {
    notes.push_back(absl::StrCat(
        importance.without_value, importance.without_value == 1 ? " trial" : " trials",
        " without a finite ", importance.metric, " (diverged or failed) ranked worst."));
  }
  if (!importance.sampler.empty()) {
    notes.push_back(absl::StrCat("The sampler ", importance.sampler,
                                 " tried mostly what looked good: importances are about that part "
                                 "of the space."));
  }
  if (importance.open > 0) {
    notes.push_back(absl::StrCat(importance.open, importance.open == 1 ? " trial" : " trials",
                                 " not yet ended: all this may change."));
  }
  return notes;
}

void PrintImportance(const StudyImportance& importance, Format format, std::ostream& out) {
  const Listing listing = ImportanceListing(importance);
  switch (format) {
    case Format::kJson:
      return WriteJson({{"version", kJsonVersion},
                        {"study", importance.study},
                        {"metric", importance.metric},
                        {"method", kMethod},
                        {"trials", importance.trials},
                        {"r_squared", importance.r_squared},
                        {"predicts", importance.r_squared >= kPoorFit},
                        {"parameters", RowsJson(listing)},
                        {"notes", NotesOn(importance)}},
                       out);
    case Format::kCsv:
      return Write(listing, format, out);
    case Format::kTable:
      Write(listing, format, out);
      out << "\n";
      for (const std::string& note : NotesOn(importance)) out << "- " << Printable(note) << "\n";
  }
}

std::string ImportanceSvg(const StudyImportance& importance) {
  const std::vector<std::string> names = ShortNamesOf(importance);
  std::vector<Bar> bars;
  for (size_t i = 0; i < names.size(); ++i) {
    const statistics::Importance& value = importance.parameters[i].importance;
    bars.push_back({names[i], value.mean, value.deviation});
  }
  return BarsSvg(absl::StrFormat("What matters for %s (out-of-bag R2 %.2f%s)", importance.metric,
                                 importance.r_squared,
                                 importance.r_squared < kPoorFit ? ": means nothing" : ""),
                 kMethod, bars);
}

}  // namespace tpsweep::client
