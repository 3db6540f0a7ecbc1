#include "common/names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace tpsweep {
namespace {

constexpr size_t kMaxStudyLength = 128;
constexpr size_t kMaxDigits = 18;  // always fits an int64
constexpr size_t kMaxNameLength = 512;

// The four kinds of name differ in how many parts they have.
constexpr size_t kStudyParts = 2;
constexpr size_t kTrialParts = 4;
constexpr size_t kRunParts = 6;
constexpr size_t kAttemptParts = 8;

absl::string_view KindOf(size_t parts) {
  switch (parts) {
    case kStudyParts:
      return "a study (studies/S)";
    case kTrialParts:
      return "a trial (studies/S/trials/3)";
    case kRunParts:
      return "a run (studies/S/trials/3/runs/0)";
    case kAttemptParts:
      return "an attempt (studies/S/trials/3/runs/0/attempts/1)";
    default:
      return "a study, trial, run or attempt (studies/S/trials/3/runs/0/attempts/1)";
  }
}

// Names come from outside: what is quoted back is escaped and cut.
std::string Quoted(absl::string_view text) {
  constexpr size_t kShown = 200;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, kShown)),
                      text.size() > kShown ? "...\"" : "\"");
}

std::string WhyNotStudy(absl::string_view id) {
  if (id.empty()) return "the study's name is empty";
  if (id.size() > kMaxStudyLength) {
    return absl::StrCat("the study's name has ", id.size(), " characters; at most ",
                        kMaxStudyLength, " are legal");
  }
  const auto is_legal = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
  };
  if (!absl::ascii_isalnum(static_cast<unsigned char>(id.front())) ||
      !std::all_of(id.begin(), id.end(), is_legal)) {
    return absl::StrCat("the study's name ", Quoted(id),
                        " must be letters, digits, '_', '.' and '-', and begin with a letter or "
                        "a digit");
  }
  return "";
}

std::string WhyNotNumber(absl::string_view digits, int64_t smallest, int64_t& number) {
  const auto is_digit = [](unsigned char c) { return absl::ascii_isdigit(c); };
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    return absl::StrCat(Quoted(digits), " is not a number");
  }
  if (digits.size() > 1 && digits.front() == '0') {
    return absl::StrCat("the number ", Quoted(digits), " has a leading zero");
  }
  if (digits.size() > kMaxDigits) {
    return absl::StrCat("the number ", Quoted(digits), " has more than ", kMaxDigits, " digits");
  }
  if (!absl::SimpleAtoi(digits, &number) || number < smallest) {
    return absl::StrCat("the number ", Quoted(digits), " is below ", smallest);
  }
  return "";
}

// Returns why `name` is not a resource name of `parts` parts (0: of any kind),
// or nothing and the name in `result`.
std::string WhyNot(absl::string_view name, size_t parts, ResourceName& result) {
  if (name.size() > kMaxNameLength) {
    return absl::StrCat("it has ", name.size(), " characters; at most ", kMaxNameLength,
                        " are legal");
  }
  const std::vector<absl::string_view> part = absl::StrSplit(name, '/');
  if (parts == 0 ? (part.size() % 2 != 0 || part.size() > kAttemptParts) : part.size() != parts) {
    return absl::StrCat("it has ", part.size(), " parts between slashes");
  }
  constexpr absl::string_view kCollections[] = {"studies", "trials", "runs", "attempts"};
  for (size_t i = 0; i < part.size(); i += 2) {
    if (part[i] != kCollections[i / 2]) {
      return absl::StrCat("expected \"", kCollections[i / 2], "\", found ", Quoted(part[i]));
    }
  }
  if (std::string why = WhyNotStudy(part[1]); !why.empty()) return why;
  result.study = std::string(part[1]);
  std::optional<int64_t>* const numbers[] = {&result.trial, &result.replicate, &result.attempt};
  for (size_t i = 3; i < part.size(); i += 2) {
    const bool is_attempt = i + 1 == kAttemptParts;
    if (std::string why = WhyNotNumber(part[i], is_attempt ? 1 : 0, numbers[i / 2 - 1]->emplace());
        !why.empty()) {
      return why;
    }
  }
  return "";
}

absl::StatusOr<ResourceName> Parse(absl::string_view name, size_t parts) {
  ResourceName result;
  if (const std::string why = WhyNot(name, parts, result); !why.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), " is not the name of ", KindOf(parts), ": ", why));
  }
  return result;
}

}  // namespace

absl::StatusOr<StudyName> ParseStudyName(absl::string_view name) {
  TP_ASSIGN_OR_RETURN(ResourceName r, Parse(name, kStudyParts));
  return StudyName{std::move(r.study)};
}

absl::StatusOr<TrialName> ParseTrialName(absl::string_view name) {
  TP_ASSIGN_OR_RETURN(ResourceName r, Parse(name, kTrialParts));
  return TrialName{std::move(r.study), *r.trial};
}

absl::StatusOr<RunName> ParseRunName(absl::string_view name) {
  TP_ASSIGN_OR_RETURN(ResourceName r, Parse(name, kRunParts));
  return RunName{std::move(r.study), *r.trial, *r.replicate};
}

absl::StatusOr<AttemptName> ParseAttemptName(absl::string_view name) {
  TP_ASSIGN_OR_RETURN(ResourceName r, Parse(name, kAttemptParts));
  return AttemptName{std::move(r.study), *r.trial, *r.replicate, *r.attempt};
}

absl::StatusOr<ResourceName> ParseResourceName(absl::string_view name) { return Parse(name, 0); }

std::string ToString(const StudyName& name) { return absl::StrCat("studies/", name.study); }

std::string ToString(const TrialName& name) {
  return absl::StrCat("studies/", name.study, "/trials/", name.trial);
}

std::string ToString(const RunName& name) {
  return absl::StrCat(ToString(ParentOf(name)), "/runs/", name.replicate);
}

std::string ToString(const AttemptName& name) {
  return absl::StrCat(ToString(ParentOf(name)), "/attempts/", name.attempt);
}

}  // namespace tpsweep
