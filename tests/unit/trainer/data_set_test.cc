#include "worker/trainer/data/data_set.h"

#include <filesystem>
#include <thread>

#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kTestLabels[] = "t10k-labels-idx1-ubyte";

TEST(DataSetCache, LoadsPlainAndGzip) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("plain"));
  WriteSyntheticIdx(folder.File("packed"), {.gzip = true});
  DataSetCache cache({folder.path()});
  TP_ASSERT_OK_AND_ASSIGN(const auto plain, cache.Get("plain"));
  TP_ASSERT_OK_AND_ASSIGN(const auto packed, cache.Get("packed"));
  EXPECT_EQ(plain->shape.size(), 16);
  EXPECT_EQ(plain->num_outputs, 3);
  EXPECT_EQ(plain->train.count(), 120);
  EXPECT_EQ(plain->test.count(), 40);
  EXPECT_EQ(plain->train.inputs.size(), 120u * 16u);
  EXPECT_EQ(plain->train.inputs, packed->train.inputs);
  EXPECT_EQ(plain->test.labels, packed->test.labels);
  EXPECT_EQ(plain->sha256, packed->sha256);
  EXPECT_THAT(plain->provenance, HasSubstr("no published checksums"));
}

TEST(DataSetCache, LooksInFoldersInOrderAndInAFolderOfTheName) {
  TempFolder first, second;
  WriteSyntheticIdx(second.File("toy"), {.train = 30});
  WriteSyntheticIdx(second.File("other"), {.train = 40});
  WriteSyntheticIdx(first.File("toy"), {.train = 20});
  const auto count = [](std::vector<std::string> path, const char* name) -> int64_t {
    DataSetCache cache(std::move(path));
    const auto set = cache.Get(name);
    return set.ok() ? (*set)->train.count() : -1;
  };
  EXPECT_EQ(count({first.path(), second.path()}, "toy"), 20);
  EXPECT_EQ(count({second.path(), first.path()}, "toy"), 30);
  EXPECT_EQ(count({first.path(), second.path()}, "other"), 40);
  EXPECT_EQ(count({second.File("toy")}, "toy"), 30);
  EXPECT_EQ(count({second.File("toy/")}, "toy"), 30);
  EXPECT_EQ(count({second.File("other")}, "toy"), -1);
}

TEST(DataSetCache, SaysWhereItLooked) {
  DataSetCache cache({"/nowhere/a", "/nowhere/b"});
  EXPECT_THAT(cache.Get("toy"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/a, /nowhere/b")));
  EXPECT_THAT(DataSetCache({}).Get("toy"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("search path is empty")));
  for (const char* name : {"", "..", "../toy", "a/b", ".hidden"}) {
    EXPECT_THAT(cache.Get(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST(DataSetCache, ListsWhatIsThereWhole) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("whole"));
  WriteSyntheticIdx(folder.File("packed"), {.gzip = true});
  WriteSyntheticIdx(folder.File("part"));
  std::filesystem::remove(folder.File("part/") + kTestLabels);
  WriteSyntheticIdx(folder.File("nested/inner"));
  EXPECT_THAT(DataSetCache({folder.path(), folder.File("nested/inner"), "/nowhere"}).Available(),
              ElementsAre("inner", "packed", "whole"));
}

TEST(DataSetCache, TakesTestFilesNamedTest) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("toy"));
  for (const char* rest : {"-images-idx3-ubyte", "-labels-idx1-ubyte"}) {
    std::filesystem::rename(folder.File("toy/t10k") + rest, folder.File("toy/test") + rest);
  }
  TP_EXPECT_OK(DataSetCache({folder.path()}).Get("toy"));
}

TEST(DataSetCache, RefusesHalvesThatDoNotFitTogether) {
  TempFolder folder;
  const auto error_after = [&](const std::string& file, const std::string& bytes) {
    WriteSyntheticIdx(folder.File("toy"));
    WriteBytes(folder.File("toy/" + file), bytes);
    return DataSetCache({folder.path()}).Get("toy");
  };
  const std::string pixels(40 * 16, 'x');
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({3}, std::string(3, '\0'))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(kTestLabels), HasSubstr("offset 4: 3 labels, but"),
                             HasSubstr("has 40 images"))));
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({39, 1}, std::string(39, '\0'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("labels need 1 dimension")));
  EXPECT_THAT(error_after("t10k-images-idx3-ubyte", IdxBytes({40}, std::string(40, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("images need 2 dimensions")));
  EXPECT_THAT(
      error_after("t10k-images-idx3-ubyte", IdxBytes({40, 2, 8}, std::string(40 * 16, 'x'))),
      IsOk());
  EXPECT_THAT(error_after("t10k-images-idx3-ubyte", IdxBytes({40, 8}, std::string(40 * 8, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("images of 8 bytes")));
  std::string labels(40, '\0');
  labels[17] = '\3';
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({40}, labels)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("offset 25: label 3 of sample 17, but the training labels only")));
}

TEST(DataSetCache, FailureIsNotRemembered) {
  TempFolder folder;
  DataSetCache cache({folder.path()});
  EXPECT_FALSE(cache.Get("toy").ok());
  WriteSyntheticIdx(folder.File("toy"));
  TP_EXPECT_OK(cache.Get("toy"));
}

TEST(DataSetCache, ManyThreadsShareOneCopy) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("toy"), {.train = 2000});
  DataSetCache cache({folder.path()});
  std::vector<std::shared_ptr<const DataSet>> sets(4);
  std::vector<std::thread> threads;
  for (auto& set : sets) threads.emplace_back([&] { set = cache.Get("toy").value(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& set : sets) EXPECT_EQ(set, sets[0]);
}

// From Debian's package dataset-fashion-mnist, which deploy/install-deps.sh installs.
TEST(DataSetCache, FashionMnistIsThePublishedOne) {
  DataSetCache cache({"/usr/share/datasets"});
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get("fashion-mnist"));
  EXPECT_EQ(set->train.count(), 60000);
  EXPECT_EQ(set->test.count(), 10000);
  EXPECT_EQ(set->shape, (MapShape{1, 28, 28}));
  EXPECT_EQ(set->num_outputs, 10);
  EXPECT_EQ(set->provenance, "checksums are those of the published fashion-mnist");
}

TEST(DataSetCache, ANameThatIsKnownWithOtherContentIsReported) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("mnist"));
  DataSetCache cache({folder.path()});
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get("mnist"));
  EXPECT_EQ(set->provenance, "checksums are not those of the published mnist");
}

}  // namespace
}  // namespace tpsweep::trainer
