// Waits for the end of a study, and shows how far it is.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/interrupt.h"
#include "client/progress.h"
#include "common/clock.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// Returns `study`, as the server last answered it, once it has ended. Survives
// restarts of the server from the first moment on. Calls `each_turn`, if given,
// a few times a second; its error ends the wait.
//   kCancelled         `interrupt` was asked to stop
//   kDeadlineExceeded  the connection's time-out has passed
//   kUnavailable       the server has been away for too long
//   others             as the server said (kNotFound: no such study)
absl::StatusOr<v1::Study> FollowStudy(Connection& connection, v1::Study study,
                                      const Interrupt& interrupt, Progress& progress, Clock& clock,
                                      const std::function<absl::Status()>& each_turn = nullptr);

}  // namespace tpsweep::client
