#include "worker/trainer/data/csv.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";  // some programs write one
constexpr size_t kMaxColumns = 1'000'000;

enum class Role { kInput, kLabel, kTarget };

Role RoleOf(absl::string_view column) {
  if (column == "label") return Role::kLabel;
  return absl::StartsWith(column, "target") ? Role::kTarget : Role::kInput;
}

// For messages: what is foreign may be long, and no text.
std::string Shown(absl::string_view text) {
  constexpr size_t kMost = 40;
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kMost)),
                      text.size() > kMost ? "...'" : "'");
}

// Takes the next cell off `line`. Without the spaces and quotes around it; nothing if
// there is a quote elsewhere.
std::optional<absl::string_view> TakeCell(absl::string_view& line) {
  const size_t comma = std::min(line.find(','), line.size());
  absl::string_view cell = absl::StripAsciiWhitespace(line.substr(0, comma));
  line.remove_prefix(std::min(comma + 1, line.size()));
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') {
    cell = absl::StripAsciiWhitespace(cell.substr(1, cell.size() - 2));
  }
  if (absl::StrContains(cell, '"')) return std::nullopt;
  return cell;
}

// Makes the errors of one file.
class Parser {
 public:
  Parser(absl::string_view bytes, absl::string_view name) : left_(bytes), name_(name) {}

  absl::StatusOr<CsvTable> Parse() {
    TP_RETURN_IF_ERROR(ParseHeader());
    while (!left_.empty()) TP_RETURN_IF_ERROR(ParseSample(TakeLine()));
    if (num_samples_ == 0) return Error("no samples follow the line of column names");
    CsvTable table;
    table.inputs.shape = {num_samples_, num_inputs_};
    table.inputs.values = std::move(inputs_);
    if (num_targets_ > 0) {
      table.targets.shape = {num_samples_, num_targets_};
      table.targets.values = std::move(targets_);
    } else {
      table.targets.shape = {num_samples_};
      table.targets.values = std::move(labels_);
    }
    table.columns = std::move(columns_);
    return table;
  }

 private:
  // At the line that was taken last.
  template <class... Part>
  absl::Status Error(const Part&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ":", line_, ": ", parts...));
  }

  absl::string_view TakeLine() {
    const size_t end = std::min(left_.find('\n'), left_.size());
    absl::string_view line = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    absl::ConsumeSuffix(&line, "\r");
    ++line_;
    return line;
  }

  absl::Status ParseHeader() {
    absl::ConsumePrefix(&left_, kByteOrderMark);
    absl::string_view line = TakeLine();
    std::set<std::string> seen;
    int num_labels = 0;
    for (bool is_last = false; !is_last;) {
      is_last = !absl::StrContains(line, ',');
      const std::optional<absl::string_view> cell = TakeCell(line);
      const size_t number = columns_.size() + 1;
      if (!cell) return Error("column ", number, " has a quote in its name");
      if (cell->empty()) return Error("column ", number, " has no name");
      if (number > kMaxColumns) return Error("more than ", kMaxColumns, " columns");
      if (!seen.emplace(*cell).second) return Error("column ", Shown(*cell), " is there twice");
      columns_.emplace_back(*cell);
      roles_.push_back(RoleOf(*cell));
      num_labels += roles_.back() == Role::kLabel ? 1 : 0;
      num_targets_ += roles_.back() == Role::kTarget ? 1 : 0;
    }
    num_inputs_ = static_cast<int64_t>(columns_.size()) - num_labels - num_targets_;
    if (num_labels + num_targets_ == 0) {
      return Error(
          "no column is 'label' (classes) or begins with 'target' (real values); the first line "
          "gives the names of the columns");
    }
    if (num_labels > 0 && num_targets_ > 0) {
      return Error("there is a column 'label' and one that begins with 'target'; legal: one kind");
    }
    if (num_inputs_ == 0) return Error("no column is an input");
    return absl::OkStatus();
  }

  absl::Status ParseSample(absl::string_view line) {
    const auto cells = static_cast<size_t>(std::count(line.begin(), line.end(), ',')) + 1;
    if (absl::StripAsciiWhitespace(line).empty()) return Error("the line is empty");
    if (cells != columns_.size()) {
      return Error("the line has ", cells, cells == 1 ? " cell" : " cells",
                   "; the line of column names has ", columns_.size());
    }
    ++num_samples_;
    if (static_cast<uint64_t>(num_samples_) > kMaxArrayBytes / sizeof(double) / cells) {
      return Error("the numbers take more than ", kMaxArrayBytes, " bytes of memory");
    }
    for (size_t i = 0; i < cells; ++i) TP_RETURN_IF_ERROR(ParseCell(i, TakeCell(line)));
    return absl::OkStatus();
  }

  absl::Status ParseCell(size_t column, std::optional<absl::string_view> cell) {
    const auto refuse = [&](absl::string_view what, absl::string_view legal) {
      return Error("column ", Shown(columns_[column]), " ", what, "; legal: ", legal);
    };
    const bool is_label = roles_[column] == Role::kLabel;
    const char* legal = is_label ? "whole numbers" : "finite numbers";
    if (!cell) return refuse("has a quote inside", legal);
    if (cell->empty()) return refuse("is empty", legal);
    if (is_label) {
      int64_t label = 0;
      if (!absl::SimpleAtoi(*cell, &label)) return refuse(absl::StrCat("is ", Shown(*cell)), legal);
      labels_.push_back(label);
      return absl::OkStatus();
    }
    double value = 0;
    if (!absl::SimpleAtod(*cell, &value) || !std::isfinite(value)) {
      return refuse(absl::StrCat("is ", Shown(*cell)), legal);
    }
    (roles_[column] == Role::kTarget ? targets_ : inputs_).push_back(value);
    return absl::OkStatus();
  }

  absl::string_view left_;
  const absl::string_view name_;
  int64_t line_ = 0;
  std::vector<std::string> columns_;
  std::vector<Role> roles_;
  int64_t num_inputs_ = 0;
  int64_t num_targets_ = 0;
  int64_t num_samples_ = 0;
  std::vector<double> inputs_;
  std::vector<double> targets_;
  std::vector<int64_t> labels_;
};

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(absl::string_view bytes, absl::string_view name) {
  TP_ASSIGN_OR_RETURN(CsvTable table, Parser(bytes, name).Parse());
  table.inputs.sha256 = Sha256Hex(bytes);
  return table;
}

}  // namespace tpsweep::trainer
