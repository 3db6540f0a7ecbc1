// That the checker of histories finds what must not be: each test spoils one thing of a
// history in which a run was lost by w1 after its second measurement and ended by w2.
#include "tests/integration/history.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"

namespace tpsweep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRun[] = "studies/s/trials/0/runs/0";

std::string Attempt(int64_t number) { return absl::StrCat(kRun, "/attempts/", number); }

v1::Run MakeRun(v1::RunState state, int64_t attempt, const std::string& worker) {
  v1::Run run;
  run.set_name(kRun);
  run.set_state(state);
  run.set_attempt(attempt);
  run.set_worker(worker);
  return run;
}

v1::MeasurementRecord MakeRecord(int64_t attempt, int64_t sequence) {
  v1::MeasurementRecord record;
  record.set_attempt(Attempt(attempt));
  record.mutable_measurement()->set_sequence(sequence);
  (*record.mutable_measurement()->mutable_scalars())["train/loss"] = 0.5;
  return record;
}

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() {
    Happens("run.leased", MakeRun(v1::RUN_STATE_RUNNING, 1, "w1"));
    Happens("attempt.lost", 1);
    Happens("run.queued", MakeRun(v1::RUN_STATE_QUEUED, 1, "w1"));
    Happens("run.leased", MakeRun(v1::RUN_STATE_RUNNING, 2, "w2"));
    Happens("run.succeeded", MakeRun(v1::RUN_STATE_SUCCEEDED, 2, "w2"));
    // The second goes on from a checkpoint after measurement 1.
    const auto first = {MakeRecord(1, 1), MakeRecord(1, 2)};
    history_.readings = {{{MakeRun(v1::RUN_STATE_RUNNING, 2, "w2")}, first},
                         {{MakeRun(v1::RUN_STATE_SUCCEEDED, 2, "w2")}, first}};
    history_.readings[1].measurements.push_back(MakeRecord(2, 2));
    history_.readings[1].measurements.push_back(MakeRecord(2, 3));
    history_.story = {MakeRecord(1, 1), MakeRecord(2, 2), MakeRecord(2, 3)};
    history_.heard = {{"w1", Attempt(1), 1},
                      {"w1", Attempt(1), 2},
                      {"w2", Attempt(2), 1},
                      {"w2", Attempt(2), 3},
                      {"w2", Attempt(2), 3}};
  }

  v1::Event& Happens(const std::string& type, const std::string& resource) {
    v1::Event& event = history_.events.emplace_back();
    event.set_revision(static_cast<int64_t>(history_.events.size()));
    event.set_type(type);
    event.set_resource(resource);
    return event;
  }
  void Happens(const std::string& type, int64_t attempt) { Happens(type, Attempt(attempt)); }
  void Happens(const std::string& type, const v1::Run& run) {
    *Happens(type, run.name()).mutable_run() = run;
  }
  std::vector<v1::MeasurementRecord>& kept() { return history_.readings.back().measurements; }

  History history_;
};

TEST_F(HistoryTest, WhatIsInOrderIsInOrder) { EXPECT_THAT(Violations(history_), IsEmpty()); }

TEST_F(HistoryTest, AReadingFromBeforeAnAttemptSaysNothingOfIt) {
  history_.readings[0] = {{MakeRun(v1::RUN_STATE_QUEUED, 0, "")}, {}};
  EXPECT_THAT(Violations(history_), IsEmpty());
}

TEST_F(HistoryTest, TwoAttemptsAtTheSameMoment) {
  history_.events.erase(history_.events.begin() + 2);
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("attempt 1 is still leased")));
}

TEST_F(HistoryTest, ANumberThatWasThere) {
  Happens("run.leased", MakeRun(v1::RUN_STATE_RUNNING, 2, "w2"));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("attempt 2 after 2")));
}

TEST_F(HistoryTest, TwoResults) {
  Happens("run.succeeded", MakeRun(v1::RUN_STATE_SUCCEEDED, 1, "w1"));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("attempt 1 was not leased")));
}

TEST_F(HistoryTest, TheEndOfAnAttemptThatWasOver) {
  Happens("attempt.preempted", 1);
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("it was not leased")));
}

TEST_F(HistoryTest, RevisionsThatGoBack) {
  history_.events.back().set_revision(3);
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("after event 4")));
}

TEST_F(HistoryTest, AStoryWithAGap) {
  history_.story.erase(history_.story.begin() + 1);
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("measurement 3 after 1")));
}

TEST_F(HistoryTest, AStoryThatSaysSomethingTwice) {
  history_.story.insert(history_.story.begin() + 1, MakeRecord(1, 1));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("measurement 1 after 1")));
}

TEST_F(HistoryTest, AStoryThatGoesBackToAnEarlierAttempt) {
  history_.story.back() = MakeRecord(1, 3);
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("goes on from the later attempt 2")));
}

TEST_F(HistoryTest, AWriteOfAFencedAttempt) {
  kept().push_back(MakeRecord(1, 3));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("taken when the attempt was over")));
}

TEST_F(HistoryTest, AWriteOfAnAttemptThatHadEnded) {
  history_.readings[0].runs = {MakeRun(v1::RUN_STATE_QUEUED, 1, "w1")};
  kept().push_back(MakeRecord(1, 3));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("taken when the attempt was over")));
}

TEST_F(HistoryTest, WhatWasReadIsGone) {
  kept().erase(kept().begin() + 1);
  EXPECT_THAT(Violations(history_),
              ElementsAre(HasSubstr("measurement 2 was there once"), HasSubstr("w1 was told")));
}

TEST_F(HistoryTest, WhatWasReadIsAnother) {
  (*kept().front().mutable_measurement()->mutable_scalars())["train/loss"] = 0.25;
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("measurement 1 was another once")));
}

TEST_F(HistoryTest, AMeasurementThatIsThereTwice) {
  kept().push_back(MakeRecord(2, 3));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("measurement 3 is there twice")));
}

TEST_F(HistoryTest, AMeasurementOfNobody) {
  kept().push_back(MakeRecord(3, 4));
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("an attempt that nobody had")));
}

TEST_F(HistoryTest, AnAcknowledgementThatGoesBack) {
  history_.heard.push_back({"w2", Attempt(2), 2});
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("up to 2 after 3")));
}

TEST_F(HistoryTest, AnAcknowledgementOfWhatIsNotThere) {
  history_.heard.push_back({"w2", Attempt(2), 4});
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("up to 4, which is not there")));
}

TEST_F(HistoryTest, AnAcknowledgementOfWhatOnlyALaterAttemptHas) {
  history_.heard.push_back({"w1", Attempt(1), 3});
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("up to 3, which is not there")));
}

TEST_F(HistoryTest, AnAcknowledgementToAnother) {
  history_.heard.push_back({"w1", Attempt(2), 3});
  EXPECT_THAT(Violations(history_), ElementsAre(HasSubstr("which is w2's")));
}

TEST(AcknowledgementsIn, ReadsAWorkersLog) {
  const std::string attempt = Attempt(1);
  const std::string log = absl::StrCat(
      "2026-11-29T10:00:00.000Z I attempt.started attempt=", attempt, "\n",
      "2026-11-29T10:00:01.000Z D attempt.acknowledged attempt=", attempt,
      " sequence=7 completed=0 directive=DIRECTIVE_CONTINUE\n",
      "2026-11-29T10:00:02.000Z D attempt.acknowledged attempt=", attempt,
      " sequence=9 completed=1 directive=DIRECTIVE_CONTINUE\n",
      // Of one that is over: its sequence says nothing.
      "2026-11-29T10:00:03.000Z D attempt.acknowledged attempt=", attempt,
      " sequence=0 completed=1 directive=DIRECTIVE_CONTINUE\n",
      "2026-11-29T10:00:04.000Z D attempt.acknowledged attempt=", attempt,
      " sequence=0 completed=0 directive=DIRECTIVE_ABANDON\n", "2026-11-29T10:00:05.000Z D attem");
  const auto heard = AcknowledgementsIn("w1", log);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].worker, "w1");
  EXPECT_EQ(heard[0].attempt, attempt);
  EXPECT_EQ(heard[0].sequence, 7);
  EXPECT_EQ(heard[1].sequence, 9);
}

}  // namespace
}  // namespace tpsweep
