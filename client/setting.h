// Changes of a study from the command line: --set FIELD=VALUE.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// `setting` is FIELD=VALUE: a path such as training.epochs or training.rule.dtp.sigma,
// and a number, a word, or a list of them, as a sweep file writes it. The spec need
// not be complete. kInvalidArgument names the field and what is legal.
absl::Status ApplySetting(absl::string_view setting, v1::StudySpec& spec);

}  // namespace tpsweep::client
