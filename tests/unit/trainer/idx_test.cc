#include "worker/trainer/data/idx.h"

#include "absl/strings/str_cat.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kGood = IdxBytes({2, 1, 3}, "abcdef");

TEST(Idx, PlainAndGzipGiveTheSame) {
  for (const std::string& bytes : {kGood, Gzip(kGood)}) {
    TP_ASSERT_OK_AND_ASSIGN(const IdxArray array, ParseIdx(bytes, "file"));
    EXPECT_THAT(array.shape, ElementsAre(2, 1, 3));
    EXPECT_THAT(array.values, ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
    // sha256sum of the 22 unpacked bytes.
    EXPECT_EQ(array.sha256, "eddc7addc8956bb024357ed9947fd4679814afb3555b7477487d183e3dd16281");
  }
}

struct BadFile {
  const char* what;
  std::string bytes;
  const char* message;  // the beginning
};

class BadIdx : public testing::TestWithParam<BadFile> {};

TEST_P(BadIdx, IsRefusedWithFileOffsetAndReason) {
  EXPECT_THAT(ParseIdx(GetParam().bytes, "images"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(GetParam().message)));
}

std::string Edited(std::string bytes, size_t at, char value) {
  bytes[at] = value;
  return bytes;
}

// 64 MiB of zeros behind a header that promises 6 bytes.
std::string Bomb() { return Gzip(kGood + std::string(size_t{1} << 26, '\0')); }

INSTANTIATE_TEST_SUITE_P(
    Table, BadIdx,
    testing::Values(
        BadFile{"empty", "", "images: offset 0: the file ends within the magic number"},
        BadFile{"cut_magic", kGood.substr(0, 3),
                "images: offset 3: the file ends within the magic"},
        BadFile{"bad_magic", Edited(kGood, 0, 'x'), "images: offset 0: not an IDX file"},
        BadFile{"bad_type", Edited(kGood, 2, '\x0d'),
                "images: offset 2: type code 0x0d; only 0x08"},
        BadFile{"no_dimensions", Edited(kGood, 3, '\0'), "images: offset 3: the array has no dim"},
        BadFile{"cut_dimensions", kGood.substr(0, 14),
                "images: offset 14: the file ends within the dimensions: 2 of 4 bytes are missing"},
        BadFile{"zero_dimension", IdxBytes({2, 0}, ""), "images: offset 8: dimension 2 is 0"},
        BadFile{"huge", IdxBytes({0xffffffff, 0xffffffff}, "abc"),
                "images: offset 8: the dimensions promise more than 4294967296 bytes"},
        BadFile{"cut_values", kGood.substr(0, 20),
                "images: offset 16: the dimensions promise 6 bytes of values; a file of 20 bytes"},
        BadFile{"trailing", kGood + "x", "images: offset 22: bytes follow the values"},
        BadFile{"gzip_trailing_values", Gzip(kGood + "x"), "images: offset 22: bytes follow"},
        BadFile{"gzip_cut_values", Gzip(kGood.substr(0, 20)),
                "images: offset 20: the file ends within the values: 2 of 6 bytes are missing"},
        BadFile{"gzip_promise", Gzip(IdxBytes({1u << 30}, "abc")),
                "images: offset 8: the dimensions promise 1073741824 bytes of values; a file of"},
        BadFile{"gzip_bomb", Bomb(), "images: offset 22: bytes follow the values"},
        BadFile{"gzip_magic_alone", "\x1f\x8b",
                "images: offset 2 of the compressed file: the gzip data are cut"}),
    [](const auto& row) { return std::string(row.param.what); });

TEST(Idx, DamagedGzipIsRefusedWhereverItIsCutOrFlipped) {
  const std::string good = Gzip(kGood);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(ParseIdx(good.substr(0, size), "f"), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  // The checksum at the end guards the values.
  EXPECT_THAT(ParseIdx(Edited(good, good.size() - 5, '\x55'), "f"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("incorrect data check")));
  EXPECT_THAT(ParseIdx(good + "x", "f"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("bytes follow the end of the gzip data")));
}

}  // namespace
}  // namespace tpsweep::trainer
