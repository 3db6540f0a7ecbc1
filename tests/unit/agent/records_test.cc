#include "worker/agent/records.h"

#include <gmock/gmock.h>

#include <vector>

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string FileOf(const std::vector<std::string>& contents) {
  std::string file;
  for (const std::string& content : contents) AppendRecord(content, file);
  return file;
}

std::vector<std::string> ContentsOf(absl::string_view file) {
  std::vector<std::string> contents;
  while (const std::optional<absl::string_view> content = FirstRecord(file)) {
    contents.emplace_back(*content);
    file.remove_prefix(kRecordHeader + content->size());
  }
  return contents;
}

const std::vector<std::string>& Contents() {
  static const auto* const contents = new std::vector<std::string>{
      "one", "", std::string("\0\xff\0", 3), std::string(300, 'x'), "last"};
  return *contents;
}

std::vector<std::string> First(size_t count) {
  return {Contents().begin(), Contents().begin() + static_cast<std::ptrdiff_t>(count)};
}

// How many of the records end at or before each byte.
std::vector<size_t> WholeBefore() {
  std::vector<size_t> whole = {0};
  for (const std::string& content : Contents()) {
    const size_t before = whole.back();
    for (size_t i = 1; i < kRecordHeader + content.size(); ++i) whole.push_back(before);
    whole.push_back(before + 1);
  }
  return whole;
}

TEST(RecordsTest, AreReadAsTheyWereWritten) {
  EXPECT_EQ(ContentsOf(FileOf(Contents())), Contents());
  EXPECT_THAT(ContentsOf(""), IsEmpty());
}

TEST(RecordsTest, AFileCutAnywhereHasTheRecordsBeforeTheCut) {
  const std::string file = FileOf(Contents());
  const std::vector<size_t> whole = WholeBefore();
  ASSERT_EQ(whole.size(), file.size() + 1);
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    EXPECT_EQ(ContentsOf(file.substr(0, cut)), First(whole[cut])) << cut;
  }
}

TEST(RecordsTest, AFlippedBitEndsTheFileBeforeItsRecord) {
  const std::string file = FileOf(Contents());
  const std::vector<size_t> whole = WholeBefore();
  for (size_t at = 0; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = file;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_EQ(ContentsOf(flipped), First(whole[at])) << at << " " << bit;
    }
  }
}

TEST(RecordsTest, ZerosAndHugeLengthsAreNoRecords) {
  EXPECT_THAT(ContentsOf(std::string(4096, '\0')), IsEmpty());
  EXPECT_THAT(ContentsOf(std::string(4096, '\xff')), IsEmpty());
  EXPECT_EQ(PromisedBytes(std::string(8, '\xff')), 0);
  EXPECT_EQ(PromisedBytes(FileOf({"four"})), 12);
}

}  // namespace
}  // namespace tpsweep::agent
