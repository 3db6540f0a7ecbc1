// The list of all that is wrong with a spec.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tpsweep::spec {

struct Problem {
  std::string path;  // of the field; may be empty
  std::string message;

  std::string ToString() const {
    return path.empty() ? message : absl::StrCat(path, ": ", message);
  }
};

class Problems {
 public:
  template <class... Pieces>
  void Add(absl::string_view path, const Pieces&... message) {
    list_.push_back({std::string(path), absl::StrCat(message...)});
  }
  bool empty() const { return list_.empty(); }
  // Enough for anyone to read: long checks may stop.
  bool is_long() const { return list_.size() >= 100; }
  const std::vector<Problem>& list() const { return list_; }

  // OK if empty, else kInvalidArgument.
  absl::Status ToStatus() const {
    std::vector<std::string> lines;
    for (const Problem& problem : list_) lines.push_back(problem.ToString());
    return ToStatus(lines);
  }

  // One line a problem, up to 20, then how many more there are.
  static absl::Status ToStatus(const std::vector<std::string>& lines) {
    constexpr size_t kMostLines = 20;
    if (lines.empty()) return absl::OkStatus();
    std::string text;
    for (size_t i = 0; i < lines.size() && i < kMostLines; ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "\n", lines[i]);
    }
    if (lines.size() > kMostLines) {
      absl::StrAppend(&text, "\n... and ", lines.size() - kMostLines, " more");
    }
    return absl::InvalidArgumentError(text);
  }

 private:
  std::vector<Problem> list_;
};

}  // namespace tpsweep::spec
