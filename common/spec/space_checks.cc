#include "common/spec/space_checks.h"

#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/spec/field_path.h"
#include "common/spec/grid_size.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/spec/values.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Value;

// The message of `status` without the path it begins with: the problem has its own.
std::string WithoutPath(const absl::Status& status, absl::string_view path) {
  return std::string(absl::StripPrefix(status.message(), absl::StrCat(path, ": ")));
}

void CheckPath(const v1::Parameter& parameter, const absl::StatusOr<ResolvedPath>& where,
               Problems& problems) {
  const std::string& path = parameter.path();
  const std::string at = SpacePath(parameter);
  if (!absl::StartsWith(path, "training.")) {
    const std::string inside = JoinPath("training", path);
    const bool is_short = ResolvePath(*v1::StudySpec::descriptor(), inside).ok();
    problems.Add(at, "only fields of training can be searched",
                 is_short ? absl::StrCat("; did you mean '", inside, "'?") : "");
  } else if (path == "training.seed") {
    problems.Add(at,
                 "cannot be searched: each run gets its own seed (set search.replicates for "
                 "several runs of a trial, search.seed for other seeds)");
  } else if (!where.ok()) {
    problems.Add(at, WithoutPath(where.status(), path));
  } else if (where->field != nullptr && IsMessageList(*where->field)) {
    problems.Add(at, "is a list of groups of fields, which cannot be searched as a whole; search ",
                 path, "[0] and so on, by name, or a field of one of them");
  } else if (where->field != nullptr && where->field->message_type() != nullptr) {
    problems.Add(at, "is a group of fields; search one of ",
                 absl::StrJoin(Names(*where->field->message_type()), ", "));
  }
}

// One value that the parameter can take: does the field accept it?
void CheckValue(const v1::Parameter& parameter, const Value& value, Problems& problems) {
  const std::string at = SpacePath(parameter);
  const std::string path = WithFirstElements(parameter.path());
  const ResolvedPath where = *ResolvePath(*v1::StudySpec::descriptor(), path);
  v1::StudySpec scratch;
  if (const absl::Status status = SetField(scratch, path, value); !status.ok()) {
    problems.Add(at, WithoutPath(status, path));
    return;
  }
  if (where.field == nullptr) return;
  CheckField(*FindHolder(scratch, where), *where.field, at, problems);
}

void CheckInterval(const v1::Parameter& parameter, const v1::Interval& interval,
                   Problems& problems) {
  const std::string at = SpacePath(parameter);
  const std::string low = NumberText(interval.low());
  const std::string high = NumberText(interval.high());
  if (!std::isfinite(interval.low()) || !std::isfinite(interval.high())) return;  // by the rules
  if (interval.low() >= interval.high()) {
    problems.Add(at, "the interval [", low, ", ", high,
                 "] is empty: low must be below high (for one value: choice: [", low, "])");
  }
  if (parameter.has_log() && interval.low() <= 0) {
    problems.Add(at, "log: low is ", low, "; it must be above 0");
  }
  if (parameter.has_integer() && (std::trunc(interval.low()) != interval.low() ||
                                  std::trunc(interval.high()) != interval.high())) {
    problems.Add(at, "integer: the ends ", low, " and ", high, " must be whole numbers");
  }
}

// Whether the kind of domain goes with the kind of field.
void CheckKind(const v1::Parameter& parameter, const ResolvedPath& where, Problems& problems) {
  const std::string at = SpacePath(parameter);
  const std::string domain =
      v1::Parameter::descriptor()->FindFieldByNumber(parameter.domain_case())->name();
  if (parameter.has_choice()) return;
  if (where.oneof != nullptr) {
    problems.Add(at, domain, " does not go with ", TypeText(*where.oneof), "; use choice: [...]");
    return;
  }
  const auto type = where.field->cpp_type();
  const bool is_real = type == FieldDescriptor::CPPTYPE_DOUBLE;
  const bool is_whole = type == FieldDescriptor::CPPTYPE_INT32 ||
                        type == FieldDescriptor::CPPTYPE_INT64 ||
                        type == FieldDescriptor::CPPTYPE_UINT64;
  const bool is_bool = type == FieldDescriptor::CPPTYPE_BOOL;
  if (parameter.has_boolean() ? is_bool : is_real || (is_whole && parameter.has_integer())) return;
  problems.Add(at, domain, " does not go with ", LegalText(*where.field), "; use ",
               is_bool    ? "boolean: {}"
               : is_whole ? "integer: [low, high] or choice: [...]"
               : is_real  ? "linear: [low, high], log: [low, high] or choice: [...]"
                          : "choice: [...]");
}

void CheckDomain(const v1::Parameter& parameter, const ResolvedPath& where, Problems& problems) {
  if (parameter.domain_case() == v1::Parameter::DOMAIN_NOT_SET) return;  // by the rules
  const size_t before = problems.list().size();
  CheckKind(parameter, where, problems);
  if (parameter.has_linear()) CheckInterval(parameter, parameter.linear(), problems);
  if (parameter.has_log()) CheckInterval(parameter, parameter.log(), problems);
  if (parameter.has_integer()) CheckInterval(parameter, parameter.integer(), problems);
  if (problems.list().size() > before) return;
  absl::flat_hash_set<std::string> seen;
  for (const Value& value : ProbeValues(parameter)) {
    if (problems.is_long()) return;
    CheckValue(parameter, value, problems);
    if (!seen.insert(ToText(value)).second) {
      problems.Add(SpacePath(parameter), "choice: ", Shown(value), " is there twice");
    }
  }
}

void CheckPoints(const v1::Parameter& parameter, bool is_grid, Problems& problems) {
  const std::string at = SpacePath(parameter);
  const bool is_real = parameter.has_linear() || parameter.has_log();
  if (!parameter.has_points()) {
    if (is_grid && is_real) {
      problems.Add(at,
                   "needs points: N with the grid sampler: how many values the interval is cut "
                   "into");
    }
    return;
  }
  if (!is_grid) {
    problems.Add(at,
                 "points is for the grid sampler only; the others choose from the whole interval");
  } else if (!is_real && !parameter.has_integer()) {
    problems.Add(at, "points is for intervals only; a choice is tried in full");
  } else if (parameter.has_integer()) {
    const double count = parameter.integer().high() - parameter.integer().low() + 1;
    if (static_cast<double>(parameter.points()) > count) {
      problems.Add(at, "points: ", parameter.points(), " is more than the ", NumberText(count),
                   " whole numbers of the interval");
    }
  }
}

// Its values in words; not too many of them.
std::vector<std::string> DomainTexts(const v1::Parameter& parameter) {
  constexpr int kMost = 20;
  if (parameter.has_integer()) {
    return {absl::StrCat("whole numbers in [", NumberText(parameter.integer().low()), ", ",
                         NumberText(parameter.integer().high()), "]")};
  }
  if (parameter.has_boolean()) return {"true", "false"};
  std::vector<std::string> texts;
  for (const Value& value : parameter.choice().values()) {
    texts.push_back(static_cast<int>(texts.size()) < kMost ? ToText(value) : "...");
    if (texts.back() == "...") break;
  }
  return texts;
}

void CheckCondition(const v1::Parameter& parameter, const v1::Condition& condition,
                    const Space& space, Problems& problems) {
  const std::string at =
      JoinPath(JoinPath(SpacePath(parameter), "when"), absl::Utf8SafeCHexEscape(condition.path()));
  const auto searched_at = space.Find(condition.path());
  if (!searched_at) {
    std::vector<std::string> searched;
    for (int i = 0; i < space.size(); ++i) searched.push_back(space.parameter(i).path());
    const std::string nearest = Nearest(condition.path(), searched);
    problems.Add(at, "is not a parameter of the space; a condition names one that is searched",
                 nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?"));
    return;
  }
  const v1::Parameter& searched = space.parameter(*searched_at);
  if (searched.has_linear() || searched.has_log()) {
    problems.Add(at,
                 "is an interval of real numbers; a condition needs a choice, integer or "
                 "boolean parameter");
    return;
  }
  if (condition.values().empty()) problems.Add(at, "has no values");
  for (const Value& value : condition.values()) {
    if (problems.is_long()) return;
    if (space.CanTake(*searched_at, value)) continue;
    problems.Add(at, Shown(value), " is not a value of that parameter",
                 LegalNames(value.string_value(), DomainTexts(searched)));
  }
}

// A field of a oneof's member is searched only where that member is chosen.
void CheckChoices(int i, const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const v1::Parameter& parameter = space.parameter(i);
  for (const ResolvedPath::Choice& choice : space.where(i)->choices) {
    if (space.Find(choice.path)) {
      if (space.Implies(i, choice.path, choice.member)) continue;
      problems.Add(SpacePath(parameter), "exists only where ", choice.path, " is ", choice.member,
                   ", which is searched; add when: {", choice.path, ": ", choice.member, "}");
      continue;
    }
    const auto where = ResolvePath(*v1::StudySpec::descriptor(), choice.path);
    const auto* holder = where.ok() ? FindHolder(spec, *where) : nullptr;
    if (holder == nullptr) continue;
    const FieldDescriptor* chosen =
        holder->GetReflection()->GetOneofFieldDescriptor(*holder, where->oneof);
    if (chosen != nullptr && chosen->name() != choice.member) {
      problems.Add(SpacePath(parameter), "exists only where ", choice.path, " is ", choice.member,
                   ", but it is ", chosen->name());
    }
  }
}

void CheckConflicts(int i, const Space& space, const OpenPaths& searched, Problems& problems) {
  const std::string& path = space.parameter(i).path();
  if (*space.Find(path) != i) {
    problems.Add(SpacePath(space.parameter(i)), "is searched twice");
  } else if (space.where(i)->field != nullptr && space.where(i)->field->is_repeated() &&
             space.where(i)->index < 0 && searched.AnyElement(path)) {
    problems.Add(SpacePath(space.parameter(i)),
                 "is searched as a whole and by its elements; search one or the other");
  }
}

}  // namespace

std::string SpacePath(const v1::Parameter& parameter) {
  return JoinPath("space", absl::Utf8SafeCHexEscape(parameter.path()));
}

void CheckFixedAndSearched(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  for (int i = 0; i < space.size(); ++i) {
    const v1::Parameter& parameter = space.parameter(i);
    if (!space.where(i).ok() || !absl::StartsWith(parameter.path(), "training.")) continue;
    const absl::StatusOr<bool> fixed = HasField(spec, parameter.path());
    const ResolvedPath& where = *space.where(i);
    const bool is_group = where.field != nullptr && where.field->message_type() != nullptr;
    if (!fixed.ok() || !*fixed || is_group) continue;
    problems.Add(SpacePath(parameter),
                 "is fixed as well as searched; remove it from training or from space");
  }
}

void CheckSpace(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  const bool is_grid = spec.search().sampler().has_grid();
  if (space.size() == 0 && !is_grid) {
    problems.Add("space",
                 "is empty, and the sampler has nothing to choose; for a single configuration set "
                 "search.sampler: grid");
    return;
  }
  const size_t before = problems.list().size();
  const OpenPaths searched = space.SearchedPaths();
  for (int i = 0; i < space.size(); ++i) {
    const v1::Parameter& parameter = space.parameter(i);
    const size_t so_far = problems.list().size();
    CheckPath(parameter, space.where(i), problems);
    if (problems.list().size() > so_far) continue;
    CheckConflicts(i, space, searched, problems);
    CheckDomain(parameter, *space.where(i), problems);
    CheckPoints(parameter, is_grid, problems);
    for (const v1::Condition& condition : parameter.when()) {
      if (problems.is_long()) return;
      CheckCondition(parameter, condition, space, problems);
    }
    if (space.IsCyclic(i)) {
      problems.Add(SpacePath(parameter), "when: its conditions lead back to itself");
    }
    CheckChoices(i, spec, space, problems);
  }
  if (!is_grid || problems.list().size() > before) return;
  const double size = GridSize(space);
  if (size > kLargestGrid) {
    problems.Add("space", "the grid has ", NumberText(size), " points; at most ",
                 NumberText(kLargestGrid),
                 " are legal (fewer points or values, or the random sampler)");
  }
}

}  // namespace tpsweep::spec
