// What the engines share of paged lists: the range of keys that a filter means,
// page tokens, and the cutting of a list into pages.
//
// A key says where an item stands in its list: (order of creation) for studies,
// (number) for trials, (trial, replicate) for runs, (trial, replicate, attempt,
// sequence) for measurements.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/names.h"
#include "server/store/store.h"

namespace tpsweep::server {

template <size_t N>
using Key = std::array<int64_t, N>;

// One page of a list: items with keys in (after, last].
template <size_t N>
struct ListQuery {
  ResourceName parent;      // of which the items are; no study in a list of studies
  std::vector<int> states;  // sorted, each once; empty: all
  std::string list;         // says which list it is, filters and all
  Key<N> after;
  Key<N> last;
};

// kInvalidArgument if the filter's parent is no such name, or the token is not
// one of this list.
absl::StatusOr<ListQuery<1>> PlanList(const StudyFilter& filter, const PageRequest& page);
absl::StatusOr<ListQuery<1>> PlanList(const TrialFilter& filter, const PageRequest& page);
absl::StatusOr<ListQuery<2>> PlanList(const RunFilter& filter, const PageRequest& page);
absl::StatusOr<ListQuery<4>> PlanList(const MeasurementFilter& filter, const PageRequest& page);

bool Selects(const std::vector<int>& states, int state);

// Page sizes are brought into [1, kMaxPageSize].
inline constexpr int kMaxPageSize = 1000;
int PageSize(const PageRequest& page);

// Tokens carry a checksum over the list and the key: a client that makes one up,
// or takes it to another list, is told so.
std::string MakePageToken(absl::string_view list, absl::Span<const int64_t> key);

// Takes items in order of their keys until the page is full: by number, or by
// bytes, so that a page of large records still fits a message.
template <class T, size_t N>
class PageBuilder {
 public:
  PageBuilder(const PageRequest& page, std::string list)
      : size_(static_cast<size_t>(PageSize(page))), list_(std::move(list)) {}

  // False, and the item is left for the next page, if this one is full.
  bool Add(const Key<N>& key, T item) {
    const size_t bytes = item.ByteSizeLong();
    is_cut_ = page_.items.size() == size_ || (!page_.items.empty() && bytes_ + bytes > kMaxBytes);
    if (is_cut_) return false;
    bytes_ += bytes;
    last_key_ = key;
    page_.items.push_back(std::move(item));
    return true;
  }

  Page<T> Build() && {
    if (is_cut_) page_.next_token = MakePageToken(list_, last_key_);
    return std::move(page_);
  }

 private:
  static constexpr size_t kMaxBytes = size_t{3} << 20;  // gRPC's limit is 4 MiB

  size_t size_;
  std::string list_;
  Page<T> page_;
  size_t bytes_ = 0;
  Key<N> last_key_{};
  bool is_cut_ = false;
};

}  // namespace tpsweep::server
