#include "client/comparison_notes.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/values.h"

namespace tpsweep::client {
namespace {

// Below this many seeds an interval rests on normality, which they cannot show, and the
// bootstrap is too narrow.
constexpr size_t kFewSeeds = 5;

std::string Some(int64_t count, absl::string_view word) {
  return absl::StrCat(count, " ", word, count == 1 ? "" : "s");
}

std::string PText(double p) { return p < 0.001 ? "p < 0.001" : absl::StrFormat("p = %.3f", p); }

std::string DifferenceText(const std::string& metric, double difference) {
  if (difference == 0) return absl::StrCat("mean ", metric, " is the same");
  return absl::StrCat("mean ", metric, " is ", difference > 0 ? "higher" : "lower", " by ",
                      MetricText(std::abs(difference)));
}

// Why two groups could not be tested.
std::string UntestedText(const Comparison& comparison, const ComparedGroup& group,
                         const ComparedGroup& baseline) {
  for (const ComparedGroup* side : {&group, &baseline}) {
    if (side->best == nullptr) {
      return absl::StrCat("nothing to compare: no trial of ", side->trials.label, " has a finite ",
                          comparison.objective);
    }
    if (side->values.size() < 2) {
      return absl::StrCat("too few seeds to say: the best trial of ", side->trials.label, " has ",
                          Some(static_cast<int64_t>(side->values.size()), "succeeded run"),
                          " with ", comparison.metric,
                          ", and a spread takes two or more (search.replicates)");
    }
  }
  return absl::StrCat(
      DifferenceText(comparison.metric,
                     statistics::Mean(group.values) - statistics::Mean(baseline.values)),
      ", but nothing can be tested: there are fewer than two pairs of runs, or no spread between "
      "seeds");
}

std::string ContrastText(const Comparison& comparison, const Contrast& contrast) {
  const ComparedGroup& group = comparison.groups[contrast.group];
  const ComparedGroup& baseline = comparison.groups[comparison.baseline];
  const std::string head =
      absl::StrCat(group.trials.label, " against ", baseline.trials.label, ": ");
  if (!contrast.test) return absl::StrCat(head, UntestedText(comparison, group, baseline), ".");

  const statistics::TTest& test = *contrast.test;
  std::string text =
      absl::StrCat(head, DifferenceText(comparison.metric, test.difference), " (95 % interval ",
                   MetricText(test.interval.low), " to ", MetricText(test.interval.high), "; ",
                   PText(*contrast.adjusted_p));
  const auto num_tests =
      std::count_if(comparison.contrasts.begin(), comparison.contrasts.end(),
                    [](const Contrast& other) { return other.test.has_value(); });
  if (num_tests > 1) {
    absl::StrAppend(&text, " after Holm's correction for ", num_tests, " comparisons");
  }
  if (*contrast.adjusted_p < kSignificance) {
    return absl::StrCat(text, "): the data show a difference.");
  }
  if (test.p_value < kSignificance) {
    return absl::StrCat(text, "): by itself this would count as a difference, among ", num_tests,
                        " comparisons it does not.");
  }
  const double half = (test.interval.high - test.interval.low) / 2;
  return absl::StrCat(text,
                      "): the data show no difference, which is not to say that there is "
                      "none: one below about ",
                      MetricText(half),
                      " would have gone unseen with so few seeds and such a spread.");
}

// Labels of the groups for which `is` holds.
template <class Predicate>
std::vector<std::string> Labels(const Comparison& comparison, Predicate is) {
  std::vector<std::string> labels;
  for (const ComparedGroup& group : comparison.groups) {
    if (is(group)) labels.push_back(group.trials.label);
  }
  return labels;
}

void AddTestNotes(const Comparison& comparison, std::vector<std::string>& notes) {
  const auto is_tested = [](const Contrast& contrast) { return contrast.test.has_value(); };
  const auto& contrasts = comparison.contrasts;
  if (std::none_of(contrasts.begin(), contrasts.end(), is_tested)) return;
  const auto is_paired = [](const Contrast& contrast) {
    return contrast.test && contrast.is_paired;
  };
  if (std::any_of(contrasts.begin(), contrasts.end(), is_paired)) {
    notes.push_back(
        "Runs of the same seed were paired where both best trials have the same seeds (paired t; "
        "ranks: Wilcoxon).");
  }
  const auto is_unpaired = [](const Contrast& contrast) {
    return contrast.test && !contrast.is_paired;
  };
  if (std::any_of(contrasts.begin(), contrasts.end(), is_unpaired)) {
    notes.push_back(
        "The seeds of a run depend on its trial, so the runs of different trials make no pairs: "
        "Welch's test (ranks: Mann-Whitney).");
  }
  const std::vector<std::string> few = Labels(comparison, [](const ComparedGroup& group) {
    return group.values.size() >= 2 && group.values.size() < kFewSeeds;
  });
  if (!few.empty()) {
    notes.push_back(absl::StrCat(
        "Fewer than ", kFewSeeds, " seeds in ", absl::StrJoin(few, ", "),
        ": intervals and p-values hold only if the values are normally distributed, and the "
        "bootstrap interval is too narrow. Train the best trials with more replicates."));
  }
}

void AddBudgetNotes(const Comparison& comparison, std::vector<std::string>& notes) {
  std::vector<std::string> tried, expected;
  bool is_unequal = false;
  for (const ComparedGroup& group : comparison.groups) {
    tried.push_back(absl::StrCat(group.trials.label, " ", group.tried));
    is_unequal = is_unequal || group.tried != comparison.groups[0].tried;
    if (group.best == nullptr) continue;
    const auto n = static_cast<size_t>(comparison.equal_trials - 1);
    expected.push_back(
        absl::StrCat(MetricText(group.expected_best[n]), " for ", group.trials.label));
  }
  if (is_unequal) {
    notes.push_back(absl::StrCat(
        "Unequal budgets: trials tried are ", absl::StrJoin(tried, ", "),
        ". More trials find a better best, so the means favour those who had more; after ",
        comparison.equal_trials, " each the best ", comparison.objective, " to expect is ",
        absl::StrJoin(expected, ", "), "."));
  }
  if (!comparison.samplers.empty()) {
    notes.push_back(absl::StrCat(
        "The sampler ", absl::StrJoin(comparison.samplers, ", "),
        " learns from earlier trials, which are then no independent draws: the expected best "
        "after n trials is that of n of them in random order, and its band does not hold."));
  }
}

void AddRunNotes(const Comparison& comparison, std::vector<std::string>& notes) {
  for (const ComparedGroup& group : comparison.groups) {
    const int64_t lost = group.infeasible_runs + group.failed_runs;
    if (lost > 0) {
      notes.push_back(absl::StrCat(
          group.trials.label, ": of ", Some(group.runs, "run"), " ", group.infeasible_runs,
          " diverged (INFEASIBLE) and ", group.failed_runs, " FAILED. They are in no mean; ",
          Some(group.tried - group.valued - group.breaking, "trial"),
          " without any succeeded run counted as tried, and as worse than all others."));
    }
    if (group.breaking > 0) {
      notes.push_back(absl::StrCat(group.trials.label, ": ", Some(group.breaking, "trial"),
                                   " broke a constraint: counted as tried, and as worse than all "
                                   "that broke none."));
    }
    if (group.best != nullptr && group.values.size() < group.best->runs.size()) {
      notes.push_back(
          absl::StrCat("The best trial of ", group.trials.label, " has ", comparison.metric,
                       " of only ", group.values.size(), " of its ",
                       Some(static_cast<int64_t>(group.best->runs.size()), "run"),
                       ": what is shown is of those that got through, and may flatter it."));
    }
    if (!group.tied.empty()) {
      notes.push_back(absl::StrCat(
          group.trials.label, ": trial ", TrialText(comparison, *group.best), " ties with ",
          absl::StrJoin(group.tied, ", "), " by ", comparison.objective, "; the first was taken."));
    }
    if (group.cancelled > 0) {
      notes.push_back(absl::StrCat(group.trials.label, ": ", Some(group.cancelled, "trial"),
                                   " CANCELLED and left out."));
    }
  }
  int64_t open = 0;
  for (const ComparedGroup& group : comparison.groups) open += group.open;
  if (open > 0) {
    notes.push_back(absl::StrCat(Some(open, "trial"), " not yet ended: all this may change."));
  }
  if (comparison.trials_without > 0) {
    notes.push_back(absl::StrCat(Some(comparison.trials_without, "trial"), " without ",
                                 comparison.by, " left out."));
  }
}

void AddSelectionNotes(const Comparison& comparison, std::vector<std::string>& notes) {
  const bool has_choice = std::any_of(comparison.groups.begin(), comparison.groups.end(),
                                      [](const ComparedGroup& group) { return group.valued > 1; });
  if (!has_choice) {
    // Nothing was chosen, so no value is better for it.
  } else if (absl::StrContains(comparison.objective, "test")) {
    notes.push_back(absl::StrCat(
        "The objective, ", comparison.objective,
        ", is measured on the test set: the best trials were chosen by it, and their values are "
        "too good. Tune on validation/error."));
  } else if (comparison.metric == comparison.objective) {
    notes.push_back(absl::StrCat(comparison.metric,
                                 " is what the best trials were chosen by: their values are too "
                                 "good."));
  } else {
    notes.push_back(absl::StrCat(
        "The tests are about the best configuration that these trials found in each group, not "
        "about the best there is. It was chosen by ",
        comparison.objective, " of the same runs, so a part of its luck may be in ",
        comparison.metric, ": free of that are new runs of it under another search.seed."));
  }
  if (!comparison.differences.empty()) {
    notes.push_back(absl::StrCat("The studies differ also in ",
                                 absl::StrJoin(comparison.differences, ", "),
                                 ": a difference may come from that."));
  }
}

}  // namespace

std::vector<std::string> NotesOn(const Comparison& comparison) {
  std::vector<std::string> notes;
  for (const Contrast& contrast : comparison.contrasts) {
    notes.push_back(ContrastText(comparison, contrast));
  }
  AddTestNotes(comparison, notes);
  AddBudgetNotes(comparison, notes);
  AddRunNotes(comparison, notes);
  AddSelectionNotes(comparison, notes);
  return notes;
}

}  // namespace tpsweep::client
