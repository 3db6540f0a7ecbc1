// What the process tells its caller when it ends (docs/client.md).
#pragma once

#include "absl/status/status.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

enum class ExitStatus {
  kDone = 0,
  kError = 1,
  kUsage = 2,
  kRunsFailed = 3,
  kCancelled = 4,
  kTimedOut = 5,
  kUnreachable = 6,
};

// Of a command that ended with `error`.
ExitStatus ToExitStatus(const absl::Status& error);

// Of a study that was followed to its end. Infeasible runs are a result, not a
// failure.
ExitStatus ToExitStatus(const v1::Study& ended);

}  // namespace tpsweep::client
