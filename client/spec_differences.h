// In what the studies of a comparison differ beside what is compared.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/study_results.h"

namespace tpsweep::client {

// Paths of the fields of `training` that are set to something else in another study than in
// the first, without `by`, what lies below it, and what any of the studies searches.
std::vector<std::string> SpecDifferences(absl::Span<const StudyResults> studies,
                                         absl::string_view by);

}  // namespace tpsweep::client
