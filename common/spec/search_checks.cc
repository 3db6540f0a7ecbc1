#include "common/spec/search_checks.h"

#include <optional>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/field_path.h"
#include "common/spec/grid_size.h"
#include "common/spec/space_checks.h"
#include "common/spec/text.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Value;

std::string SamplerName(const v1::StudySpec& spec) {
  const v1::Sampler& sampler = spec.search().sampler();
  return v1::Sampler::descriptor()->FindFieldByNumber(sampler.sampler_case())->name();
}

bool IsInDomain(const Space& space, int i, const Value& value) {
  const v1::Parameter& parameter = space.parameter(i);
  if (!parameter.has_linear() && !parameter.has_log()) return space.CanTake(i, value);
  const v1::Interval& interval = parameter.has_log() ? parameter.log() : parameter.linear();
  return value.has_number_value() && value.number_value() >= interval.low() &&
         value.number_value() <= interval.high();
}

// "[1e-5, 0.01]", "whole numbers in [1, 8]", "bp, dtp".
std::string DomainText(const v1::Parameter& parameter) {
  const auto range = [](const v1::Interval& interval) {
    return absl::StrCat("[", NumberText(interval.low()), ", ", NumberText(interval.high()), "]");
  };
  if (parameter.has_linear()) return range(parameter.linear());
  if (parameter.has_log()) return range(parameter.log());
  if (parameter.has_integer()) return absl::StrCat("whole numbers in ", range(parameter.integer()));
  if (parameter.has_boolean()) return "true, false";
  std::vector<std::string> texts;
  for (const Value& value : parameter.choice().values()) {
    texts.push_back(texts.size() < 20 ? ToText(value) : "...");
    if (texts.size() > 20) break;
  }
  return absl::StrJoin(texts, ", ");
}

void CheckPriors(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  for (int i = 0; i < space.size(); ++i) {
    const v1::Parameter& parameter = space.parameter(i);
    const std::string at = SpacePath(parameter);
    if (!parameter.has_prior()) {
      if (parameter.has_trust()) {
        problems.Add(JoinPath(at, "trust"), NumberText(parameter.trust()),
                     " is trust in no prior; add prior: VALUE");
      }
    } else if (!IsInDomain(space, i, parameter.prior())) {
      problems.Add(JoinPath(at, "prior"), Shown(parameter.prior()),
                   " is not legal here; legal: ", DomainText(parameter));
    } else if (spec.search().sampler().has_grid()) {
      problems.Add(JoinPath(at, "prior"),
                   "is for samplers that choose; the grid sampler tries every value");
    }
  }
}

void CheckFirst(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const v1::Search& search = spec.search();
  if (search.first_size() > 0 && search.sampler().has_grid()) {
    problems.Add("search.first",
                 "is for samplers that choose; the grid sampler tries every "
                 "configuration of the grid, and no other");
    return;
  }
  absl::flat_hash_map<std::string, int> seen;
  for (int i = 0; i < search.first_size() && !problems.is_long(); ++i) {
    const std::string at = absl::StrCat("search.first[", i, "]");
    absl::flat_hash_map<int, std::string> values;
    std::vector<std::string> texts;
    for (const v1::Assignment& assignment : search.first(i).values()) {
      const std::string path = JoinPath(at, absl::Utf8SafeCHexEscape(assignment.path()));
      const std::optional<int> parameter = space.Find(assignment.path());
      if (!parameter) {
        std::vector<std::string> paths;
        for (int p = 0; p < space.size(); ++p) paths.push_back(space.parameter(p).path());
        problems.Add(path, "is not searched", LegalNames(assignment.path(), paths));
      } else if (!values.emplace(*parameter, ToText(assignment.value())).second) {
        problems.Add(path, "is there twice");
      } else if (!IsInDomain(space, *parameter, assignment.value())) {
        problems.Add(path, Shown(assignment.value()),
                     " is not legal here; legal: ", DomainText(space.parameter(*parameter)));
      }
      texts.push_back(absl::StrCat(assignment.path(), "=", ToText(assignment.value())));
    }
    for (const auto& [parameter, text] : values) {
      for (const Space::Condition& condition : space.conditions(parameter)) {
        const auto named = values.find(condition.parameter);
        if (named != values.end() && condition.values.contains(named->second)) continue;
        const std::string& parent = space.parameter(condition.parameter).path();
        std::vector<std::string> legal(condition.values.begin(), condition.values.end());
        absl::c_sort(legal);
        problems.Add(JoinPath(at, space.parameter(parameter).path()), "exists only where ", parent,
                     " is ", absl::StrJoin(legal, " or "),
                     named == values.end() ? ", which is not said here"
                                           : absl::StrCat(", and here it is ", named->second));
      }
    }
    absl::c_sort(texts);
    const auto [earlier, is_new] = seen.emplace(absl::StrJoin(texts, " "), i);
    if (!is_new && !search.repeats() && !texts.empty()) {
      problems.Add(at, "is the same as search.first[", earlier->second,
                   "]; set search.repeats: true to try it again");
    }
  }
}

void CheckSampler(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const v1::Sampler& sampler = spec.search().sampler();
  if (sampler.has_gp() || sampler.has_cma_es()) {
    bool has_number = false;
    for (int i = 0; i < space.size(); ++i) {
      const v1::Parameter& parameter = space.parameter(i);
      const bool is_number =
          parameter.has_linear() || parameter.has_log() || parameter.has_integer();
      has_number |= is_number && (sampler.has_gp() || parameter.when().empty());
    }
    if (!has_number) {
      problems.Add("search.sampler", SamplerName(spec), " models numbers, and no parameter is ",
                   sampler.has_gp() ? "one (linear, log, integer)"
                                    : "one (linear, log, integer) without a condition",
                   "; use tpe");
    }
  }
  const bool takes_several =
      sampler.has_nsga2() || sampler.has_random() || sampler.has_sobol() || sampler.has_grid();
  if (spec.further_objectives_size() > 0 && !takes_several) {
    problems.Add("further_objectives", "the sampler ", SamplerName(spec),
                 " has one objective, and there are ", spec.further_objectives_size() + 1,
                 "; use nsga2 (or random, sobol, grid), or leave them out");
  }
}

void CheckImports(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const v1::Search& search = spec.search();
  if (search.import_from_size() > 0 &&
      (search.sampler().has_grid() || search.sampler().has_random() ||
       search.sampler().has_sobol())) {
    problems.Add("search.import_from", "the sampler ", SamplerName(spec),
                 " learns from no trials; use tpe, gp, cma_es or nsga2");
  }
  absl::flat_hash_set<std::string> seen;
  for (int i = 0; i < search.import_from_size(); ++i) {
    const v1::Import& import = search.import_from(i);
    const std::string at = absl::StrCat("search.import_from[", i, "]");
    if (import.study() == spec.study()) {
      problems.Add(JoinPath(at, "study"), Quoted(import.study()), " is this study itself");
    }
    if (!seen.insert(import.study()).second) {
      problems.Add(JoinPath(at, "study"), Quoted(import.study()), " is there twice");
    }
    for (const v1::Renamed& renamed : import.parameters()) {
      if (space.Find(renamed.path())) continue;
      std::vector<std::string> paths;
      for (int p = 0; p < space.size(); ++p) paths.push_back(space.parameter(p).path());
      problems.Add(JoinPath(JoinPath(at, "parameters"), absl::Utf8SafeCHexEscape(renamed.path())),
                   "is not searched", LegalNames(renamed.path(), paths));
    }
  }
}

// The first rung of a scheduler that has rungs, and where it is said.
struct FirstRung {
  const char* scheduler;
  int64_t epochs;
  const char* field = "first_epoch";
};
std::optional<FirstRung> FirstRungOf(const v1::Scheduler& scheduler) {
  switch (scheduler.algorithm_case()) {
    case v1::Scheduler::kMedian:
      return FirstRung{"median", scheduler.median().first_epoch()};
    case v1::Scheduler::kAsha:
      return FirstRung{"asha", scheduler.asha().first_epoch()};
    case v1::Scheduler::kHyperband:
      return FirstRung{"hyperband", scheduler.hyperband().first_epoch()};
    case v1::Scheduler::kPasha:
      return FirstRung{"pasha", scheduler.pasha().first_epoch()};
    case v1::Scheduler::kOneEpoch:
      return FirstRung{"one_epoch", scheduler.one_epoch().first_epoch()};
    case v1::Scheduler::kPbt:
      return FirstRung{"pbt", scheduler.pbt().every(), "every"};
    case v1::Scheduler::kNone:
    case v1::Scheduler::ALGORITHM_NOT_SET:
      break;
  }
  return std::nullopt;
}

void CheckPopulation(const v1::StudySpec& spec, Problems& problems) {
  const v1::Search& search = spec.search();
  if (!search.scheduler().has_pbt()) return;
  const bool is_perturbed = absl::c_any_of(spec.space(), IsPerturbed);
  if (!is_perturbed) {
    problems.Add("search.scheduler.pbt",
                 "changes real numbers while a network is trained, and no parameter of the space "
                 "is one (linear or log, and not of the data set)");
  }
  if (search.sampler().has_grid()) {
    problems.Add("search.sampler",
                 "grid tries every combination, and the population of the scheduler pbt is a "
                 "sample; use random, sobol or another");
  } else if (const int64_t population = search.scheduler().pbt().population();
             SamplerTrials(search.sampler()) < static_cast<double>(population)) {
    problems.Add("search.scheduler.pbt.population", population, " is more than the ",
                 NumberText(SamplerTrials(search.sampler())), " of search.sampler.",
                 SamplerName(spec), ".trials, from which the population comes");
  }
  if (search.racing().min_replicates() != 0) {
    problems.Add("search.racing.min_replicates", search.racing().min_replicates(),
                 " is not 0 (no race), and the scheduler pbt compares whole trials: those that "
                 "go on from another begin with all of its replicates");
  }
}

void CheckScheduler(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const v1::Search& search = spec.search();
  const std::optional<FirstRung> first = FirstRungOf(search.scheduler());
  if (first && space.Find("training.epochs")) {
    problems.Add("space.training.epochs", "is searched, but the scheduler ", first->scheduler,
                 " decides how many epochs a trial gets; set training.epochs to the most of them");
  } else if (first && first->epochs >= spec.training().epochs()) {
    problems.Add(absl::StrCat("search.scheduler.", first->scheduler, ".", first->field),
                 first->epochs, " is not below training.epochs, ", spec.training().epochs(),
                 ", where the last rung is");
  }
  if (first && spec.further_objectives_size() > 0) {
    problems.Add("further_objectives", "the scheduler ", first->scheduler,
                 " ranks by one objective, and there are ", spec.further_objectives_size() + 1,
                 "; use scheduler: none, or leave them out");
  }
  const int racers = search.racing().min_replicates();
  if (racers != 0 && (racers < 2 || racers >= search.replicates())) {
    problems.Add("search.racing.min_replicates", racers, " is not 0 (no race) or from 2 to ",
                 search.replicates() - 1,
                 ", below search.replicates: a test needs two values, and ",
                 "there must be replicates to save");
  }
}

void CheckBudget(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  if (spec.budget().epochs() > 0 && space.Find("training.epochs")) {
    problems.Add("budget.epochs", "cannot be counted where training.epochs is searched");
  }
  const std::string& per = spec.budget().per();
  if (per.empty()) return;
  const std::optional<int> found = space.Find(per);
  if (!found) {
    std::vector<std::string> paths;
    for (int p = 0; p < space.size(); ++p) paths.push_back(space.parameter(p).path());
    problems.Add("budget.per", Quoted(per), " is not searched", LegalNames(per, paths));
  } else if (const v1::Parameter& parameter = space.parameter(*found);
             !parameter.has_choice() || !parameter.when().empty()) {
    problems.Add("budget.per", Quoted(per), " is not a choice without condition");
  } else if (parameter.choice().values_size() > 100) {
    problems.Add("budget.per", Quoted(per), " has ", parameter.choice().values_size(),
                 " values; at most 100 can have budgets of their own");
  }
}

}  // namespace

bool IsPerturbed(const v1::Parameter& parameter) {
  return (parameter.has_linear() || parameter.has_log()) &&
         !absl::StartsWith(parameter.path(), "training.dataset.");
}

void CheckSearch(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  CheckSampler(spec, space, problems);
  CheckPriors(spec, space, problems);
  CheckFirst(spec, space, problems);
  CheckImports(spec, space, problems);
  CheckScheduler(spec, space, problems);
  CheckPopulation(spec, problems);
  CheckBudget(spec, space, problems);
}

}  // namespace tpsweep::spec
