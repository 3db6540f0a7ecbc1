#include "worker/agent/crash_notes.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::agent {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr char kAttempt[] = "studies/s/trials/0/runs/0/attempts/1";

class CrashNotesTest : public testing::Test {
 protected:
  // Runs `body` in a process of its own with notes; the signal that ended it, or 0.
  int InProcess(const std::string& name, const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      CrashNotes notes(folder_.path(), name);
      body();
      notes.~CrashNotes();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  std::vector<std::string> Files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      files.push_back(entry.path().filename().string());
    }
    return files;
  }

  TempFolder folder_;
  const std::string attempt_ = kAttempt;
};

TEST_F(CrashNotesTest, ASuccessorFindsWhichRunCrashedAndHow) {
  EXPECT_EQ(InProcess("first",
                      [&] {
                        const CrashSubject subject(attempt_);
                        raise(SIGSEGV);
                      }),
            SIGSEGV)
      << "it dies as it would have";
  CrashNotes notes(folder_.path(), "second");
  ASSERT_THAT(notes.found(), SizeIs(1));
  EXPECT_EQ(notes.found()[0].attempt(), kAttempt);
  EXPECT_EQ(notes.found()[0].what(), "SIGSEGV");
  notes.Forget();
  EXPECT_THAT(CrashNotes(folder_.path(), "third").found(), IsEmpty());
}

TEST_F(CrashNotesTest, AFaultOfAHelperThreadIsTheOnlyRuns) {
  InProcess("first", [&] {
    const CrashSubject subject(attempt_);
    std::thread([] { abort(); }).join();
  });
  CrashNotes notes(folder_.path(), "second");
  ASSERT_THAT(notes.found(), SizeIs(1));
  EXPECT_EQ(notes.found()[0].what(), "SIGABRT");
}

TEST_F(CrashNotesTest, NobodyIsAccusedWithoutCertainty) {
  const std::string other = "studies/s/trials/1/runs/0/attempts/1";
  InProcess("none", [] { raise(SIGSEGV); });
  InProcess("two", [&] {
    const CrashSubject one(attempt_);
    const CrashSubject two(other);
    std::thread([] { abort(); }).join();
  });
  InProcess("ended", [&] {
    { const CrashSubject subject(attempt_); }
    raise(SIGSEGV);
  });
  InProcess("killed", [&] {
    const CrashSubject subject(attempt_);
    raise(SIGKILL);
  });
  EXPECT_THAT(CrashNotes(folder_.path(), "last").found(), IsEmpty());
  EXPECT_THAT(Files(), IsEmpty()) << "nothing is left behind";
}

TEST_F(CrashNotesTest, NotesOfLivingProcessesAreLeftAlone) {
  const CrashNotes living(folder_.path(), "living");
  { const CrashNotes other(folder_.path(), "other"); }
  EXPECT_THAT(Files(), testing::ElementsAre("living.crash"));
}

TEST_F(CrashNotesTest, AFolderThatCannotBeUsedIsNoHindrance) {
  EXPECT_THAT(CrashNotes("/dev/null/no", "x").found(), IsEmpty());
}

}  // namespace
}  // namespace tpsweep::agent
