// What was acknowledged is there after the process was killed at any moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/sqlite_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

// One acknowledged commit: a run's measurement, its record, and the event of it.
WriteBatch Step(int64_t sequence) {
  WriteBatch batch{.runs = {MakeRun("s", 0, 0, v1::RUN_STATE_RUNNING, 1)},
                   .measurements = {MakeMeasurement(MakeAttempt("s", 0, 0, 1), sequence)},
                   .events = {MakeEvent(sequence, "run.measured", "studies/s/trials/0/runs/0")}};
  *batch.runs[0].mutable_latest() = batch.measurements[0].measurement();
  return batch;
}

// In the child: commits for ever, and writes a byte for each commit that has
// returned. Only async-signal-safe ways out, for the parent's test goes on.
[[noreturn]] void CommitForEver(const std::string& path, int acknowledge) {
  auto store = SqliteStore::Open(path);
  if (!store.ok()) _exit(1);
  const WriteBatch first{.studies = {MakeStudy("s")},
                         .trials = {MakeTrial("s", 0)},
                         .runs = {MakeRun("s", 0, 0)},
                         .attempts = {MakeAttempt("s", 0, 0, 1)}};
  const auto last = (*store)->LastRevision();
  if (!last.ok() || !(*store)->Commit({&first, 1}).ok()) _exit(2);
  for (int64_t sequence = *last + 1;; ++sequence) {
    const WriteBatch batch = Step(sequence);
    if (!(*store)->Commit({&batch, 1}).ok()) _exit(3);
    if (write(acknowledge, "+", 1) != 1) _exit(4);
  }
}

// Kills a committing process after `enough` acknowledgements; how many there
// were in all.
int64_t KillAfter(const std::string& path, int64_t enough) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    CommitForEver(path, ends[1]);
  }
  close(ends[1]);
  int64_t acknowledged = 0;
  char byte;
  while (acknowledged < enough && read(ends[0], &byte, 1) == 1) ++acknowledged;
  kill(child, SIGKILL);
  while (read(ends[0], &byte, 1) == 1) ++acknowledged;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << status;
  return acknowledged;
}

TEST(SqliteDurabilityTest, AcknowledgedCommitsSurviveKill) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  int64_t acknowledged = 0;
  for (int64_t round = 0; round < 5; ++round) {
    const int64_t more = KillAfter(path, 10 + 13 * round);
    ASSERT_GE(more, 10 + 13 * round);
    // The lock of the killed process is gone with it.
    TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(path));
    TP_ASSERT_OK_AND_ASSIGN(const int64_t sequence,
                            store->LastSequence("studies/s/trials/0/runs/0/attempts/1"));
    // All that were acknowledged, and at most the one under way.
    EXPECT_GE(sequence, acknowledged + more);
    EXPECT_LE(sequence, acknowledged + more + 1);
    acknowledged = sequence;
    // The parts of a commit are there together, and none is missing between.
    EXPECT_THAT(store->LastRevision(), IsOkAndHolds(sequence));
    TP_ASSERT_OK_AND_ASSIGN(const auto run, store->GetRun("studies/s/trials/0/runs/0"));
    if (run.has_latest()) {
      EXPECT_EQ(run.latest().sequence(), sequence);
    }
    TP_ASSERT_OK_AND_ASSIGN(
        const auto measurements,
        store->ListMeasurements({.parent = "studies/s", .all_attempts = true}, {.size = 1000}));
    EXPECT_EQ(measurements.items.size(), static_cast<size_t>(std::min<int64_t>(sequence, 1000)));
  }
}

}  // namespace
}  // namespace tpsweep::server
