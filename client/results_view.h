// Which view of a study's results to print, as `results` and `run` are told.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "client/output.h"
#include "client/study_results.h"

namespace tpsweep::client {

struct ResultsView {
  bool has_runs = false;     // a line a run instead of a line a trial
  bool has_history = false;  // a line an epoch of each trial; JSON: every epoch of every run
  std::string by = "";       // then also the best trial for each value of this parameter
};

// kInvalidArgument: the format has no place for it.
absl::Status Check(const ResultsView& view, Format format);

absl::Status PrintResults(const StudyResults& results, const ResultsView& view, Format format,
                          std::ostream& out);

}  // namespace tpsweep::client
