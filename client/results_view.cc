#include "client/results_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/results_json.h"
#include "client/results_table.h"
#include "common/status_macros.h"

namespace tpsweep::client {

absl::Status Check(const ResultsView& view, Format format) {
  if (view.has_history && view.has_runs) {
    return absl::InvalidArgumentError("--history and --runs: choose one of the two");
  }
  if (view.has_runs && format == Format::kJson) {
    return absl::InvalidArgumentError(
        "--runs is for tables: -o json and -o csv have every run anyway");
  }
  return absl::OkStatus();
}

absl::Status PrintResults(const StudyResults& results, const ResultsView& view, Format format,
                          std::ostream& out) {
  Listing groups;
  if (!view.by.empty()) {
    TP_ASSIGN_OR_RETURN(groups, GroupTable(results, view.by));
  }
  switch (format) {
    case Format::kJson: {
      Json document = ResultsJson(results, view.has_history);
      if (!view.by.empty()) document[groups.name] = RowsJson(groups);
      WriteJson(document, out);
      return absl::OkStatus();
    }
    case Format::kCsv:
      if (view.has_history) {
        Write(EpochTable(results), format, out);
      } else if (view.by.empty()) {
        WriteRunsCsv(results, out);
      } else {
        Write(groups, format, out);
      }
      return absl::OkStatus();
    case Format::kTable:
      Write(view.has_history ? EpochTable(results)
            : view.has_runs  ? RunTable(results)
                             : TrialTable(results),
            format, out);
      if (view.by.empty()) return absl::OkStatus();
      out << "\nbest trial for each " << view.by << "\n";
      Write(groups, format, out);
      return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("format ", static_cast<int>(format)));
}

}  // namespace tpsweep::client
