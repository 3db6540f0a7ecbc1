#include "common/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fakes/status_matchers.h"

namespace tpsweep {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  FileTest() : folder_(testing::TempDir() + "/file_test." + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  int CountFiles() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }

  const std::string folder_;
};

TEST_F(FileTest, WhatIsWrittenReadsBack) {
  const std::string bytes("a\0b\xff", 4);
  TP_ASSERT_OK(WriteFileAtomically(Path("x"), bytes));
  EXPECT_THAT(ReadFile(Path("x")), IsOkAndHolds(bytes));
  TP_ASSERT_OK(WriteFileAtomically(Path("x"), ""));
  EXPECT_THAT(ReadFile(Path("x")), IsOkAndHolds(""));
  EXPECT_EQ(CountFiles(), 1) << "no scratch file stays behind";
}

TEST_F(FileTest, AFailedWriteLeavesTheOldFileAndNoScratchFile) {
  // The rename fails: the name is a folder that is not empty.
  std::filesystem::create_directories(Path("x/y"));
  EXPECT_THAT(WriteFileAtomically(Path("x"), "new"),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(Path("x")), HasSubstr("cannot rename"))));
  EXPECT_TRUE(std::filesystem::is_directory(Path("x/y")));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(FileTest, WritesFromAnOffsetToWhatIsThenTheEnd) {
  TP_ASSERT_OK(WriteFileFrom(Path("x"), 0, "0123456789"));
  TP_ASSERT_OK(WriteFileFrom(Path("x"), 4, "ab"));
  TP_ASSERT_OK(SyncFile(Path("x")));
  EXPECT_THAT(ReadFile(Path("x")), IsOkAndHolds(std::string("0123ab")));
  TP_ASSERT_OK(WriteFileFrom(Path("x"), 0, ""));
  EXPECT_THAT(ReadFile(Path("x")), IsOkAndHolds(std::string()));
  EXPECT_THAT(WriteFileFrom(Path("no/x"), 0, "a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(SyncFile(Path("y")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FileTest, AMissingFolderIsNamed) {
  EXPECT_THAT(WriteFileAtomically(Path("no/x"), "new"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("no/x"))));
}

TEST_F(FileTest, AMissingFileIsNotFound) {
  EXPECT_THAT(ReadFile(Path("x")),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr(Path("x")), HasSubstr("No such file"))));
}

TEST_F(FileTest, ALargeFileIsRefused) {
  TP_ASSERT_OK(WriteFileAtomically(Path("x"), "12345"));
  EXPECT_THAT(ReadFile(Path("x"), 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(Path("x"), 4), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("5 bytes; at most 4 are read")));
}

TEST_F(FileTest, OnlyRegularFilesAreRead) {
  EXPECT_THAT(ReadFile(folder_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

// A pipe without a writer would make open() wait for ever.
TEST_F(FileTest, APipeIsRefusedAtOnce) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ReadFile(Path("pipe")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

TEST_F(FileTest, ACopyOutlivesWhatItWasMadeFrom) {
  // A second file system, as a rule: there are no links between two.
  const std::string elsewhere = "/dev/shm/file_test." + std::to_string(getpid());
  const std::string bytes(3'000'000, 'x');
  TP_ASSERT_OK(WriteFileAtomically(Path("x"), bytes));
  for (const std::string& to : {Path("y"), elsewhere}) {
    EXPECT_THAT(CopyFile(Path("none"), to), StatusIs(absl::StatusCode::kNotFound));
    TP_ASSERT_OK(CopyFile(Path("x"), to));
    TP_ASSERT_OK(CopyFile(Path("x"), to)) << "again";
  }
  std::filesystem::remove(Path("x"));
  EXPECT_TRUE(ReadFile(Path("y")).value() == bytes);
  EXPECT_TRUE(ReadFile(elsewhere).value() == bytes);
  EXPECT_EQ(CountFiles(), 1);
  std::filesystem::remove(elsewhere);
}

}  // namespace
}  // namespace tpsweep
