#include "client/exit_status.h"

#include <gmock/gmock.h>

namespace tpsweep::client {
namespace {

TEST(ExitStatus, OfErrors) {
  EXPECT_EQ(ToExitStatus(absl::OkStatus()), ExitStatus::kDone);
  EXPECT_EQ(ToExitStatus(absl::NotFoundError("")), ExitStatus::kError);
  EXPECT_EQ(ToExitStatus(absl::InvalidArgumentError("")), ExitStatus::kError);
  EXPECT_EQ(ToExitStatus(absl::CancelledError("")), ExitStatus::kCancelled);
  EXPECT_EQ(ToExitStatus(absl::DeadlineExceededError("")), ExitStatus::kTimedOut);
  EXPECT_EQ(ToExitStatus(absl::UnavailableError("")), ExitStatus::kUnreachable);
}

TEST(ExitStatus, HasTheDocumentedNumbers) {
  EXPECT_EQ(static_cast<int>(ExitStatus::kDone), 0);
  EXPECT_EQ(static_cast<int>(ExitStatus::kError), 1);
  EXPECT_EQ(static_cast<int>(ExitStatus::kUsage), 2);
  EXPECT_EQ(static_cast<int>(ExitStatus::kRunsFailed), 3);
  EXPECT_EQ(static_cast<int>(ExitStatus::kCancelled), 4);
  EXPECT_EQ(static_cast<int>(ExitStatus::kTimedOut), 5);
  EXPECT_EQ(static_cast<int>(ExitStatus::kUnreachable), 6);
}

TEST(ExitStatus, OfAStudyThatHasEnded) {
  v1::Study study;
  study.set_state(v1::STUDY_STATE_COMPLETED);
  study.mutable_runs()->set_succeeded(4);
  EXPECT_EQ(ToExitStatus(study), ExitStatus::kDone);
  study.mutable_runs()->set_failed(1);
  EXPECT_EQ(ToExitStatus(study), ExitStatus::kRunsFailed);
  study.set_state(v1::STUDY_STATE_CANCELLED);
  EXPECT_EQ(ToExitStatus(study), ExitStatus::kCancelled);
}

TEST(ExitStatus, InfeasibleRunsAreAResult) {
  v1::Study study;
  study.set_state(v1::STUDY_STATE_COMPLETED);
  study.mutable_runs()->set_infeasible(4);
  EXPECT_EQ(ToExitStatus(study), ExitStatus::kDone);
}

}  // namespace
}  // namespace tpsweep::client
