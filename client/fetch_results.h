// Reads the results of a study from its server.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/study_results.h"

namespace tpsweep::client {

// Of studies/S, page by page, with the errors of Connection::Call.
absl::StatusOr<StudyResults> FetchResults(Connection& connection, const std::string& study,
                                          bool with_history);

}  // namespace tpsweep::client
