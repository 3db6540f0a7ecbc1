// A full disk: the commit says so and leaves no trace, and the same commit
// succeeds when there is room again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "common/file.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

WriteBatch Large(int64_t number) {
  WriteBatch batch{.trials = {MakeTrial("s", number)},
                   .events = {MakeEvent(number, "trial.created", "studies/s")}};
  batch.trials[0].mutable_parameters(0)->mutable_value()->set_string_value(
      std::string(100'000, 'x'));
  return batch;
}

// Commits until the medium refuses, checks what is there, lets `make_room` work
// and goes on with the very commit that was refused.
template <class MakeRoom>
void FillAndGoOn(SqliteStore& store, absl::StatusCode refusal, MakeRoom make_room) {
  const WriteBatch study{.studies = {MakeStudy("s")}};
  TP_ASSERT_OK(store.Commit({&study, 1}));
  absl::Status status;
  int64_t number = 0;
  while (status.ok() && number < 1000) {
    const WriteBatch batch = Large(++number);
    status = store.Commit({&batch, 1});
  }
  ASSERT_THAT(status, StatusIs(refusal, AnyOf(HasSubstr("full"), HasSubstr("File too large"))));
  ASSERT_GT(number, 3);
  const auto expect_whole = [&](int64_t count) {
    EXPECT_THAT(store.LastRevision(), IsOkAndHolds(count));
    TP_ASSERT_OK_AND_ASSIGN(const auto trials,
                            store.ListTrials({.study = "studies/s"}, {.size = 20}));
    EXPECT_EQ(trials.items.size(), static_cast<size_t>(std::min<int64_t>(count, 20)));
  };
  expect_whole(number - 1);
  const WriteBatch refused = Large(number);
  EXPECT_THAT(store.Commit({&refused, 1}), StatusIs(refusal));
  expect_whole(number - 1);

  make_room();
  TP_ASSERT_OK(store.Commit({&refused, 1}));
  expect_whole(number);
}

// No file may grow above this: needs no rights.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    Set(bytes);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, old_handler_);
  }
  void Set(rlim_t bytes) {
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST(SqliteFullDiskTest, AFileThatMayNotGrowRefusesCommitsAndRecovers) {
  const ScratchFolder folder;
  TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(folder.File("store.db")));
  FileSizeLimit limit(1 << 20);
  FillAndGoOn(*store, absl::StatusCode::kUnavailable, [&] { limit.Set(64 << 20); });
}

TEST(SqliteFullDiskTest, AFullFileSystemRefusesCommitsAndRecovers) {
  const ScratchFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(errno);
  }
  {
    TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(folder.File("store.db")));
    // What another program has written takes most of the room.
    TP_ASSERT_OK(WriteFileAtomically(folder.File("other"), std::string(1 << 20, 'x')));
    FillAndGoOn(*store, absl::StatusCode::kUnavailable,
                [&] { unlink(folder.File("other").c_str()); });
  }
  // And a server that starts on a full disk says so.
  EXPECT_FALSE(WriteFileAtomically(folder.File("other"), std::string(2 << 20, 'x')).ok());
  const std::string rest(4096, 'x');
  for (int i = 0; WriteFileAtomically(folder.File(absl::StrCat("rest", i)), rest).ok(); ++i) {
  }
  const auto refused = SqliteStore::Open(folder.File("another.db"));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(umount2(folder.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace tpsweep::server
