#include "client/progress.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/fakes/fake_clock.h"

namespace tpsweep::client {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() {
    study_.set_state(v1::STUDY_STATE_ACTIVE);
    study_.set_expected_runs(12);
    study_.mutable_spec()->mutable_objective()->set_metric("validation/error");
  }
  Progress Make(Progress::Style style) {
    return Progress(
        style, [this] { return width_; }, out_, clock_);
  }
  v1::Study& Succeeded(int64_t count) {
    study_.mutable_runs()->set_succeeded(count);
    return study_;
  }
  static v1::Run Run(v1::RunState state, double error) {
    v1::Run run;
    run.set_trial(3);
    run.set_replicate(1);
    run.set_state(state);
    run.set_message("layer 2, step 17: the loss is not finite");
    (*run.mutable_latest()->mutable_scalars())["validation/error"] = error;
    return run;
  }
  // What has been written since the last call.
  std::string Written() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  int width_ = 120;
  FakeClock clock_;
  std::ostringstream out_;
  v1::Study study_;
};

TEST_F(ProgressTest, BarShowsDoneRateAndRemainingTime) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  EXPECT_EQ(Written(), "\r░░░░░░░░░░░░░░░░░░░░░░░░  0/12 runs  0 %\033[K");
  clock_.Advance(absl::Minutes(3));
  study_.mutable_runs()->set_running(2);
  progress.Update(Succeeded(6), 0);
  EXPECT_EQ(Written(),
            "\r████████████░░░░░░░░░░░░  6/12 runs  50 %  2 running  2.0 runs/min  "
            "about 3 min left\033[K");
}

TEST_F(ProgressTest, CountsTheDonePartOfRunningRuns) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  clock_.Advance(absl::Seconds(60));
  progress.Update(Succeeded(2), 1.0);
  EXPECT_THAT(Written(), HasSubstr("2/12 runs  25 %  3.0 runs/min  about 3 min left"));
}

TEST_F(ProgressTest, WhatWasDoneBeforeIsNotInTheRate) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(10), 0);
  clock_.Advance(absl::Seconds(60));
  progress.Update(Succeeded(11), 0);
  EXPECT_THAT(Written(), HasSubstr("1.0 runs/min  about 60 s left"));
}

TEST_F(ProgressTest, GuessesNoRateFromNothing) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  clock_.Advance(absl::Hours(1));
  progress.Update(Succeeded(0), 0.1);
  EXPECT_THAT(Written(), Not(HasSubstr("left")));
}

TEST_F(ProgressTest, BarNeverWraps) {
  width_ = 30;
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  EXPECT_EQ(Written(), "\r░░░░░░░░░░░░░░░░░░░░░░░░  0/1\033[K");
}

TEST_F(ProgressTest, BarComesBackBelowANote) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  Written();
  progress.Note("the server is away; trying again");
  EXPECT_EQ(Written(),
            "\r\033[Kthe server is away; trying again\n"
            "\r░░░░░░░░░░░░░░░░░░░░░░░░  0/12 runs  0 %\033[K");
}

TEST_F(ProgressTest, LinesHaveNoControlCharactersAndNameTheLatestRun) {
  Progress progress = Make(Progress::Style::kLines);
  progress.Update(Succeeded(0), 0);
  EXPECT_EQ(Written(), "0/12 runs  0 %\n");
  clock_.Advance(absl::Seconds(30));
  progress.RunEnded(Run(v1::RUN_STATE_SUCCEEDED, 0.125));
  progress.Update(Succeeded(3), 0);
  EXPECT_EQ(Written(),
            "3/12 runs  25 %  6.0 runs/min  about 2 min left  "
            "trial 3 run 1: validation/error 0.1250\n");
}

TEST_F(ProgressTest, LinesComeSeldomAndOnlyWithNews) {
  Progress progress = Make(Progress::Style::kLines);
  progress.Update(Succeeded(0), 0);
  Written();
  clock_.Advance(absl::Seconds(1));
  progress.Update(Succeeded(1), 0);
  EXPECT_EQ(Written(), "") << "too soon";
  clock_.Advance(absl::Seconds(5));
  progress.Update(Succeeded(1), 0);
  EXPECT_THAT(Written(), HasSubstr("1/12 runs"));
  clock_.Advance(absl::Minutes(10));
  progress.Update(Succeeded(1), 0);
  EXPECT_EQ(Written(), "") << "no news";
}

TEST_F(ProgressTest, RunsThatDidNotSucceedGetALine) {
  Progress progress = Make(Progress::Style::kLines);
  progress.Update(Succeeded(0), 0);
  Written();
  progress.RunEnded(Run(v1::RUN_STATE_INFEASIBLE, 0));
  EXPECT_EQ(Written(), "trial 3 run 1 INFEASIBLE: layer 2, step 17: the loss is not finite\n");
}

TEST_F(ProgressTest, AThousandFailuresDoNotFloodTheScreen) {
  Progress progress = Make(Progress::Style::kLines);
  progress.Update(Succeeded(0), 0);
  for (int i = 0; i < 1000; ++i) progress.RunEnded(Run(v1::RUN_STATE_FAILED, 0));
  const std::string text = Written();
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 30);
}

TEST_F(ProgressTest, SaysWhatItWaitsForOnceAndOnlyIfItLasts) {
  Progress progress = Make(Progress::Style::kLines);
  study_.set_waiting_reason("no connected worker has data set 'mnist'");
  progress.Update(Succeeded(0), 0);
  clock_.Advance(absl::Seconds(1));
  progress.Update(study_, 0);
  EXPECT_THAT(Written(), Not(HasSubstr("waiting")));
  clock_.Advance(absl::Seconds(5));
  progress.Update(study_, 0);
  EXPECT_THAT(Written(), HasSubstr("waiting: no connected worker has data set 'mnist'\n"));
  clock_.Advance(absl::Seconds(60));
  progress.Update(study_, 0);
  EXPECT_THAT(Written(), Not(HasSubstr("waiting")));
}

TEST_F(ProgressTest, LastLineSaysHowItEndedAndHowLongItTook) {
  Progress progress = Make(Progress::Style::kBar);
  progress.Update(Succeeded(0), 0);
  clock_.Advance(absl::Seconds(125));
  study_.set_state(v1::STUDY_STATE_COMPLETED);
  study_.mutable_runs()->set_infeasible(1);
  progress.Update(Succeeded(11), 0);
  progress.Finish();
  EXPECT_THAT(Written(),
              EndsWith("\r\033[K12/12 runs  100 %  1 infeasible  COMPLETED after 2 min 5 s\n"));
  progress.Update(study_, 0);
  EXPECT_EQ(Written(), "") << "nothing is drawn after the last line";
}

TEST_F(ProgressTest, LinesSayTheEndOnce) {
  study_.set_state(v1::STUDY_STATE_COMPLETED);
  {
    Progress progress = Make(Progress::Style::kLines);
    progress.Update(Succeeded(12), 0);
  }
  EXPECT_EQ(Written(), "12/12 runs  100 %  COMPLETED\n");
}

TEST_F(ProgressTest, QuietIsQuiet) {
  {
    Progress progress = Make(Progress::Style::kNone);
    progress.Update(Succeeded(0), 0);
    progress.Note("note");
    progress.RunEnded(Run(v1::RUN_STATE_FAILED, 0));
  }
  EXPECT_EQ(Written(), "");
}

}  // namespace
}  // namespace tpsweep::client
