#include "worker/trainer/data/cifar10.h"

#include "tests/fakes/data_files.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::trainer {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

TEST(Cifar10, AppendsPlainAndGzip) {
  const std::string bytes = CifarBytes({3, 0, 9});
  CifarRecords records;
  TP_ASSERT_OK_AND_ASSIGN(const std::string plain, AppendCifar(bytes, "f", records));
  TP_ASSERT_OK_AND_ASSIGN(const std::string packed, AppendCifar(Gzip(bytes), "f", records));
  EXPECT_EQ(plain, packed);
  EXPECT_THAT(records.labels, ElementsAre(3, 0, 9, 3, 0, 9));
  ASSERT_EQ(records.pixels.size(), 6u * 3072u);
  EXPECT_EQ(records.pixels[0], 60);
  EXPECT_EQ(records.pixels[3072], 0);
  EXPECT_EQ(records.pixels.back(), 180);
}

TEST(Cifar10, RefusesWhatIsNoRecord) {
  const auto error_of = [](const std::string& bytes) {
    CifarRecords records;
    return AppendCifar(bytes, "b.bin", records).status();
  };
  const std::string good = CifarBytes({1, 2});
  const auto refusal = [](const char* message) {
    return StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(message));
  };
  EXPECT_THAT(error_of(""), refusal("b.bin: offset 0: the file ends within record 0: a file of 0"));
  EXPECT_THAT(error_of(good.substr(0, 5000)),
              refusal("b.bin: offset 5000: the file ends within record 1: a file of 5000 bytes is "
                      "no whole number of records of 3073"));
  EXPECT_THAT(error_of(Gzip(good + "x")), refusal("b.bin: offset 6147: the file ends within"));
  EXPECT_THAT(error_of(CifarBytes({1, 10})),
              refusal("b.bin: offset 3073: label 10 of record 1; legal: 0 to 9"));
  const std::string packed = Gzip(good);
  EXPECT_THAT(error_of(packed.substr(0, packed.size() - 9)), refusal("b.bin: offset "));
  // 20,001 records of one byte value, packed into some 60 kB.
  EXPECT_THAT(error_of(Gzip(std::string(size_t{3073} * 20'001, '\0'))),
              refusal("b.bin: offset 61460000: more than 20000 records"));
}

}  // namespace
}  // namespace tpsweep::trainer
