#include "worker/trainer/data/npz.h"

#include "absl/strings/str_cat.h"
#include "tests/fakes/data_files.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kX = NpyBytes("|u1", "(2, 3)", "abcdef");
const std::string kY = NpyBytes("<i8", "(2,)", RawBytes(std::vector<int64_t>{4, 5}));

TEST(Npz, ReadsStoredAndDeflatedEntries) {
  const std::string bytes = ZipBytes({{"other.txt", "not an array"},
                                      {"x.npy", kX, /*is_deflated=*/true},
                                      {"y.npy", kY, /*is_deflated=*/false}});
  TP_ASSERT_OK_AND_ASSIGN(const auto arrays, ParseNpz(bytes, "d.npz", {"x", "y"}));
  EXPECT_THAT(std::get<std::vector<uint8_t>>(arrays.at("x").values),
              ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  EXPECT_THAT(std::get<std::vector<int64_t>>(arrays.at("y").values), ElementsAre(4, 5));
  EXPECT_THAT(arrays.at("x").shape, ElementsAre(2, 3));
}

// 64 MiB of zeros behind a header that promises 6 bytes.
std::string Bomb() {
  return ZipBytes({{"x.npy", kX + std::string(size_t{1} << 26, '\0'), /*is_deflated=*/true}});
}

std::string Edited(std::string bytes, const std::string& what, const std::string& by) {
  const size_t at = bytes.find(what);
  EXPECT_NE(at, std::string::npos);
  return bytes.replace(at, by.size(), by);
}

// The method of the only entry, in both of its headers.
std::string WithMethod(int method) {
  std::string bytes = ZipBytes({{"x.npy", kX}});
  bytes[8] = static_cast<char>(method);
  bytes[bytes.find("PK\1\2") + 10] = static_cast<char>(method);
  return bytes;
}

struct BadFile {
  const char* what;
  std::string bytes;
  const char* message;  // the beginning
};

class BadNpz : public testing::TestWithParam<BadFile> {};

TEST_P(BadNpz, IsRefusedWithFileEntryAndReason) {
  EXPECT_THAT(ParseNpz(GetParam().bytes, "d.npz", {"x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadNpz,
    testing::Values(
        BadFile{"empty", "", "d.npz: x.npy: is not there; the archive has nothing"},
        BadFile{"npy", kX, "d.npz: not a .npz file (a zip archive): "},
        BadFile{"cut", ZipBytes({{"x.npy", kX}}).substr(0, 60), "d.npz: not a .npz file"},
        BadFile{"absent", ZipBytes({{"y.npy", kY}, {"z.npy", kY}}),
                "d.npz: x.npy: is not there; the archive has y.npy, z.npy"},
        BadFile{"not_npy", ZipBytes({{"x.npy", "plain text"}}),
                "d.npz: x.npy: offset 0: not a .npy file"},
        BadFile{"bad_type", ZipBytes({{"x.npy", NpyBytes("<c8", "(1,)", "abcdefgh"), true}}),
                "d.npz: x.npy: offset 25: 'descr' is '<c8'; legal: "},
        BadFile{"promise", ZipBytes({{"x.npy", NpyBytes("|u1", "(4000000000,)", "ab"), true}}),
                "d.npz: x.npy: offset 87: the dimensions promise 4000000000 bytes"},
        BadFile{"bomb", Bomb(), "d.npz: x.npy: offset 86: bytes follow the values"},
        BadFile{"checksum", Edited(ZipBytes({{"x.npy", kX}}), "abcdef", "abcdeg"),
                "d.npz: x.npy: offset 86: CRC error"},
        BadFile{"method", WithMethod(12),
                "d.npz: x.npy: is packed by method 12; legal: 0 (stored), 8 (deflated)"}),
    [](const auto& row) { return std::string(row.param.what); });

TEST(Npz, DamagedAnywhereItIsRefusedOrTheSame) {
  const std::string good = ZipBytes({{"x.npy", kX, true}});
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    const auto arrays = ParseNpz(bad, "d.npz", {"x"});
    if (!arrays.ok()) {
      EXPECT_THAT(arrays, StatusIs(absl::StatusCode::kInvalidArgument,
                                   AllOf(StartsWith("d.npz: "), HasSubstr(": "))));
    } else {
      EXPECT_THAT(std::get<std::vector<uint8_t>>(arrays->at("x").values),
                  ElementsAre('a', 'b', 'c', 'd', 'e', 'f'))
          << at;
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
