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
    TP_ASSERT_OK_AND_ASSIGN(const Array array, ParseIdx(bytes, "file"));
    EXPECT_THAT(array.shape, ElementsAre(2, 1, 3));
    EXPECT_THAT(std::get<std::vector<uint8_t>>(array.values),
                ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
    // sha256sum of the 22 unpacked bytes.
    EXPECT_EQ(array.sha256, "eddc7addc8956bb024357ed9947fd4679814afb3555b7477487d183e3dd16281");
  }
}

// Other types are big-endian in the file.
TEST(Idx, ReadsEveryTypeOfNumber) {
  const auto file = [](char code, const std::string& values) {
    return std::string("\0\0", 2) + code + std::string("\1\0\0\0\2", 5) + values;
  };
  const auto whole = [&](char code, const std::string& values) {
    const auto array = ParseIdx(file(code, values), "f");
    EXPECT_THAT(array, IsOk());
    return array.ok() ? std::get<std::vector<int64_t>>(array->values) : std::vector<int64_t>();
  };
  EXPECT_THAT(whole('\x09', "\xff\x7f"), ElementsAre(-1, 127));
  EXPECT_THAT(whole('\x0b', std::string("\xff\xfe\1\0", 4)), ElementsAre(-2, 256));
  EXPECT_THAT(whole('\x0c', std::string("\xff\xff\xff\xfd\0\1\0\0", 8)), ElementsAre(-3, 65536));
  TP_ASSERT_OK_AND_ASSIGN(const Array floats,
                          ParseIdx(file('\x0d', std::string("\x3f\0\0\0\xc0\0\0\0", 8)), "f"));
  EXPECT_THAT(std::get<std::vector<float>>(floats.values), ElementsAre(0.5f, -2.0f));
  TP_ASSERT_OK_AND_ASSIGN(
      const Array doubles,
      ParseIdx(file('\x0e', std::string("\x3f\xe0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 16)), "f"));
  EXPECT_THAT(std::get<std::vector<double>>(doubles.values), ElementsAre(0.5, -2.0));
  EXPECT_THAT(ParseIdx(file('\x0c', "abcdefg"), "f"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("offset 8: the dimensions promise 8 bytes of values")));
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
        BadFile{"bad_type", Edited(kGood, 2, '\x0a'),
                "images: offset 2: type code 0x0a; legal: 0x08 (unsigned byte)"},
        BadFile{"no_dimensions", Edited(kGood, 3, '\0'), "images: offset 3: the array has no dim"},
        BadFile{"cut_dimensions", kGood.substr(0, 14),
                "images: offset 14: the file ends within the dimensions: 2 of 4 bytes are missing"},
        BadFile{"zero_dimension", IdxBytes({2, 0}, ""), "images: offset 8: dimension 2 is 0"},
        BadFile{"huge", IdxBytes({0xffffffff, 0xffffffff}, "abc"),
                "images: offset 8: the dimensions promise values that take more than 4294967296"},
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
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("checksum does not match")));
  // Some bits say nothing of the content, such as the time of packing.
  const absl::StatusOr<Array> expected = ParseIdx(good, "f");
  TP_ASSERT_OK(expected.status());
  size_t refused = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 1; bit < 256; bit *= 2) {
      const absl::StatusOr<Array> read =
          ParseIdx(Edited(good, at, static_cast<char>(good[at] ^ bit)), "f");
      if (read.ok()) {
        EXPECT_EQ(read->values, expected->values) << at << " " << bit;
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 8 * good.size() / 2);
  EXPECT_THAT(ParseIdx(good + "x", "f"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("bytes follow the end of the gzip data")));
}

}  // namespace
}  // namespace tpsweep::trainer
