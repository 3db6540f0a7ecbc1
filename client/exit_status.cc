#include "client/exit_status.h"

namespace tpsweep::client {

ExitStatus ToExitStatus(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kOk:
      return ExitStatus::kDone;
    case absl::StatusCode::kCancelled:
      return ExitStatus::kCancelled;
    case absl::StatusCode::kDeadlineExceeded:
      return ExitStatus::kTimedOut;
    case absl::StatusCode::kUnavailable:
      return ExitStatus::kUnreachable;
    default:
      return ExitStatus::kError;
  }
}

ExitStatus ToExitStatus(const v1::Study& ended) {
  if (ended.state() == v1::STUDY_STATE_CANCELLED) return ExitStatus::kCancelled;
  if (ended.runs().failed() > 0) return ExitStatus::kRunsFailed;
  return ExitStatus::kDone;
}

}  // namespace tpsweep::client
