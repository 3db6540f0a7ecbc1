// The results of a study as one JSON document, or one CSV line a run
// (docs/client.md gives both shapes).
#pragma once

#include <ostream>

#include "client/output.h"
#include "client/study_results.h"

namespace tpsweep::client {

// With a "history" in every run if asked for, and "measurements" in those that have any.
// One trial, without its runs.
Json TrialJson(const v1::Trial& trial);

Json ResultsJson(const StudyResults& results, bool with_history);

// {path: value} of what the sampler chose.
Json ParametersJson(const v1::Trial& trial);

// Scalars only; every parameter and every metric of any run has a column.
void WriteRunsCsv(const StudyResults& results, std::ostream& out);

}  // namespace tpsweep::client
