#include "server/store/paging.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/random.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kFirst = -1;  // below every number
constexpr int64_t kLast = std::numeric_limits<int64_t>::max();

template <class State>
std::vector<int> SortedStates(const std::vector<State>& states) {
  std::vector<int> sorted(states.begin(), states.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

// If the request has a token, the page begins after the token's key.
absl::Status ReadToken(const PageRequest& page, absl::string_view list, absl::Span<int64_t> after) {
  if (page.token.empty()) return absl::OkStatus();
  const absl::string_view numbers = absl::string_view(page.token).substr(0, page.token.find('-'));
  const std::vector<absl::string_view> parts = absl::StrSplit(numbers, '.');
  bool is_read = parts.size() == after.size();
  for (size_t i = 0; is_read && i < after.size(); ++i) {
    is_read = absl::SimpleAtoi(parts[i], &after[i]);
  }
  if (!is_read || MakePageToken(list, after) != page.token) {
    return absl::InvalidArgumentError(
        absl::StrCat("page token \"", absl::Utf8SafeCEscape(page.token.substr(0, 100)),
                     "\" is not one of this list; use the token of the page before with the same "
                     "filters, or none for the first page"));
  }
  return absl::OkStatus();
}

template <size_t N>
absl::StatusOr<ListQuery<N>> WithToken(ListQuery<N> query, const PageRequest& page) {
  TP_RETURN_IF_ERROR(ReadToken(page, query.list, absl::MakeSpan(query.after)));
  return query;
}

}  // namespace

absl::StatusOr<ListQuery<1>> PlanList(const StudyFilter& filter, const PageRequest& page) {
  ListQuery<1> query;
  query.states = SortedStates(filter.states);
  query.list = absl::StrCat("studies|", absl::StrJoin(query.states, ","), "|", filter.name_prefix);
  query.after = {kFirst};
  query.last = {kLast};
  return WithToken(std::move(query), page);
}

absl::StatusOr<ListQuery<1>> PlanList(const TrialFilter& filter, const PageRequest& page) {
  ListQuery<1> query;
  TP_ASSIGN_OR_RETURN(StudyName study, ParseStudyName(filter.study));
  query.parent.study = std::move(study.study);
  query.states = SortedStates(filter.states);
  query.list = absl::StrCat("trials|", absl::StrJoin(query.states, ","), "|", filter.study);
  query.after = {kFirst};
  query.last = {kLast};
  return WithToken(std::move(query), page);
}

absl::StatusOr<ListQuery<2>> PlanList(const RunFilter& filter, const PageRequest& page) {
  ListQuery<2> query;
  TP_ASSIGN_OR_RETURN(query.parent, ParseResourceName(filter.parent));
  if (query.parent.replicate.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(filter.parent, " has no runs; the parent of runs is a study or a trial"));
  }
  query.states = SortedStates(filter.states);
  query.list = absl::StrCat("runs|", absl::StrJoin(query.states, ","), "|", filter.parent);
  query.after = {query.parent.trial.value_or(kFirst), kFirst};
  query.last = {query.parent.trial.value_or(kLast), kLast};
  return WithToken(std::move(query), page);
}

absl::StatusOr<ListQuery<4>> PlanList(const MeasurementFilter& filter, const PageRequest& page) {
  ListQuery<4> query;
  TP_ASSIGN_OR_RETURN(query.parent, ParseResourceName(filter.parent));
  if (query.parent.attempt.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        filter.parent, " is an attempt; measurements are listed by study, trial or run"));
  }
  query.list =
      absl::StrCat("measurements|", filter.all_attempts ? "all|" : "counted|", filter.parent);
  query.after = {query.parent.trial.value_or(kFirst), query.parent.replicate.value_or(kFirst),
                 kFirst, kFirst};
  query.last = {query.parent.trial.value_or(kLast), query.parent.replicate.value_or(kLast), kLast,
                kLast};
  return WithToken(std::move(query), page);
}

bool Selects(const std::vector<int>& states, int state) {
  return states.empty() || std::binary_search(states.begin(), states.end(), state);
}

int PageSize(const PageRequest& page) { return std::clamp(page.size, 1, kMaxPageSize); }

std::string MakePageToken(absl::string_view list, absl::Span<const int64_t> key) {
  const std::string numbers = absl::StrJoin(key, ".");
  const uint64_t checksum = DeriveSeed(1, absl::StrCat(list, "|", numbers));
  return absl::StrCat(numbers, "-", absl::Hex(checksum, absl::kZeroPad16));
}

}  // namespace tpsweep::server
