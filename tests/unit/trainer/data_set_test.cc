#include "worker/trainer/data/data_set.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/fakes/data_files.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/fakes/training_specs.h"

namespace tpsweep::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<uint8_t>& BytesOf(const Samples& samples) {
  return std::get<std::vector<uint8_t>>(samples.inputs);
}

constexpr char kTestLabels[] = "t10k-labels-idx1-ubyte";

TEST(DataSetCache, LoadsPlainAndGzip) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("plain"));
  WriteSyntheticIdx(folder.File("packed"), {.gzip = true});
  DataSetCache cache({folder.path()});
  TP_ASSERT_OK_AND_ASSIGN(const auto plain, cache.Get(NamedDataSet("plain")));
  TP_ASSERT_OK_AND_ASSIGN(const auto packed, cache.Get(NamedDataSet("packed")));
  EXPECT_EQ(plain->shape.size(), 16);
  EXPECT_EQ(plain->num_outputs, 3);
  EXPECT_EQ(plain->train.count(), 120);
  EXPECT_EQ(plain->test.count(), 40);
  EXPECT_TRUE(plain->is_classification);
  EXPECT_EQ(BytesOf(plain->train).size(), 120u * 16u);
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
    const auto set = cache.Get(NamedDataSet(name));
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
  EXPECT_THAT(cache.Get(NamedDataSet("toy")),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("/nowhere/a, /nowhere/b for a folder toy with IDX ("),
                             HasSubstr("train_x.npy"), HasSubstr("train.csv"))));
  EXPECT_THAT(DataSetCache({}).Get(NamedDataSet("toy")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("search path is empty")));
  for (const char* name : {"", "..", "../toy", "a/b", ".hidden"}) {
    EXPECT_THAT(cache.Get(NamedDataSet(name)), StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
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
              ElementsAre("inner", "linear-regression", "nonlinear-regression", "packed",
                          "student-teacher", "whole"));
}

TEST(DataSetCache, TakesTestFilesNamedTest) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("toy"));
  for (const char* rest : {"-images-idx3-ubyte", "-labels-idx1-ubyte"}) {
    std::filesystem::rename(folder.File("toy/t10k") + rest, folder.File("toy/test") + rest);
  }
  TP_EXPECT_OK(DataSetCache({folder.path()}).Get(NamedDataSet("toy")));
}

TEST(DataSetCache, RefusesHalvesThatDoNotFitTogether) {
  TempFolder folder;
  const auto error_after = [&](const std::string& file, const std::string& bytes) {
    WriteSyntheticIdx(folder.File("toy"));
    WriteBytes(folder.File("toy/" + file), bytes);
    return DataSetCache({folder.path()}).Get(NamedDataSet("toy"));
  };
  const std::string pixels(40 * 16, 'x');
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({3}, std::string(3, '\0'))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(kTestLabels), HasSubstr(": 3 labels, but"),
                             HasSubstr("has 40 samples"))));
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({39, 1}, std::string(39, '\0'))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("labels (whole numbers) need 1 dimension, not 2")));
  EXPECT_THAT(error_after("t10k-images-idx3-ubyte", IdxBytes({40}, std::string(40, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("inputs need 2 dimensions")));
  EXPECT_THAT(
      error_after("t10k-images-idx3-ubyte", IdxBytes({40, 2, 8}, std::string(40 * 16, 'x'))),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("inputs of 1x2x8, but"), HasSubstr("has inputs of 1x4x4"))));
  EXPECT_THAT(error_after("t10k-images-idx3-ubyte", IdxBytes({40, 8}, std::string(40 * 8, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("inputs of 8, but")));
  std::string labels(40, '\0');
  labels[17] = '\3';
  EXPECT_THAT(error_after(kTestLabels, IdxBytes({40}, labels)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("sample 17: label 3 is none of the classes of the training "
                                 "samples; legal: 0 to 2")));
}

TEST(DataSetCache, FailureIsNotRemembered) {
  TempFolder folder;
  DataSetCache cache({folder.path()});
  EXPECT_FALSE(cache.Get(NamedDataSet("toy")).ok());
  WriteSyntheticIdx(folder.File("toy"));
  TP_EXPECT_OK(cache.Get(NamedDataSet("toy")));
}

TEST(DataSetCache, ManyThreadsShareOneCopy) {
  TempFolder folder;
  WriteSyntheticIdx(folder.File("toy"), {.train = 2000});
  DataSetCache cache({folder.path()});
  std::vector<std::shared_ptr<const DataSet>> sets(4);
  std::vector<std::thread> threads;
  for (auto& set : sets)
    threads.emplace_back([&] { set = cache.Get(NamedDataSet("toy")).value(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& set : sets) EXPECT_EQ(set, sets[0]);
}

TEST(DataSetCache, LabelsNeedNotStartAtZeroNorFollowEachOther) {
  TempFolder folder;
  const std::string x = IdxBytes({3, 2}, "abcdef");
  const auto write = [&](const std::string& train, const std::string& test) {
    WriteBytes(folder.File("letters/letters-train-images-idx3-ubyte"), x);
    WriteBytes(folder.File("letters/letters-train-labels-idx1-ubyte"), train);
    WriteBytes(folder.File("letters/letters-test-images-idx3-ubyte.gz"), Gzip(x));
    WriteBytes(folder.File("letters/letters-test-labels-idx1-ubyte"), test);
    return DataSetCache({folder.path()}).Get(NamedDataSet("letters"));
  };
  // int32, big-endian.
  const auto whole = [](std::vector<int32_t> labels) {
    std::string bytes = std::string("\0\0\x0c\1\0\0\0\3", 8);
    for (const int32_t label : labels) {
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(label >> shift);
    }
    return bytes;
  };
  TP_ASSERT_OK_AND_ASSIGN(auto set, write(whole({26, 1, 3000}), whole({1, 3000, 1})));
  EXPECT_EQ(set->num_outputs, 3);
  EXPECT_THAT(set->class_labels, ElementsAre(1, 26, 3000));
  EXPECT_THAT(set->train.labels, ElementsAre(1, 0, 2));
  EXPECT_THAT(set->test.labels, ElementsAre(0, 2, 0));

  EXPECT_THAT(write(whole({26, 1, 3000}), whole({1, 3000, 2})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("letters-test-labels-idx1-ubyte: sample 2: label 2 is none of the "
                                 "classes of the training samples; legal: 1, 26, 3000")));
}

TEST(DataSetCache, ReadsCifar10UnderBothOfItsNames) {
  for (const char* name : {"cifar10", "cifar-10-batches-bin"}) {
    TempFolder folder;
    for (int i = 1; i <= 5; ++i) {
      WriteBytes(folder.File(absl::StrCat(name, "/data_batch_", i, ".bin")), CifarBytes({i, 0}));
    }
    WriteBytes(folder.File(absl::StrCat(name, "/test_batch.bin.gz")), Gzip(CifarBytes({5, 4, 0})));
    DataSetCache cache({folder.path()});
    EXPECT_THAT(cache.Available(), ElementsAre("cifar10", "linear-regression",
                                               "nonlinear-regression", "student-teacher"));
    TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("cifar10")));
    EXPECT_EQ(set->shape, (MapShape{3, 32, 32}));
    EXPECT_THAT(set->train.labels, ElementsAre(1, 0, 2, 0, 3, 0, 4, 0, 5, 0));
    EXPECT_THAT(set->test.labels, ElementsAre(5, 4, 0));
    EXPECT_EQ(BytesOf(set->train).size(), 10u * 3072u);
    EXPECT_EQ(BytesOf(set->train)[4 * 3072], 60);
    EXPECT_EQ(set->provenance, "checksums are not those of the published cifar10");
  }
}

// A folder toy of four .npy files: 2 samples to train, 1 to test.
class NpyFolder : public testing::Test {
 protected:
  NpyFolder() {
    Write("train_x", NpyBytes("<f8", "(2, 3)", RawBytes(std::vector<double>{.1, 2, 3, 4, 5, 6})));
    Write("test_x", NpyBytes("<f8", "(1, 3)", RawBytes(std::vector<double>{7, 8, 9})));
    Write("train_y", NpyBytes("<i8", "(2,)", RawBytes(std::vector<int64_t>{5, -5})));
    Write("test_y", NpyBytes("<i8", "(1,)", RawBytes(std::vector<int64_t>{5})));
  }
  void Write(const std::string& stem, const std::string& bytes) {
    WriteBytes(folder_.File("toy/" + stem + ".npy"), bytes);
  }
  absl::StatusOr<std::shared_ptr<const DataSet>> Load() {
    return DataSetCache({folder_.path()}).Get(NamedDataSet("toy"));
  }
  void ExpectError(const std::string& stem, const std::string& bytes, const std::string& message) {
    const std::string path = folder_.File("toy/" + stem + ".npy");
    const std::string before = ReadFile(path).value();
    Write(stem, bytes);
    EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr(absl::StrCat(stem, ".npy: ", message))));
    Write(stem, before);
  }

  TempFolder folder_;
};

TEST_F(NpyFolder, IntegersAreClassesAndNumbersStayAsTheyAre) {
  TP_ASSERT_OK_AND_ASSIGN(const auto set, Load());
  EXPECT_TRUE(set->is_classification);
  EXPECT_THAT(set->class_labels, ElementsAre(-5, 5));
  EXPECT_THAT(set->train.labels, ElementsAre(1, 0));
  EXPECT_EQ(set->shape, (MapShape{3, 1, 1}));
  EXPECT_THAT(std::get<std::vector<double>>(set->train.inputs), ElementsAre(.1, 2, 3, 4, 5, 6));
  // Held as float, which loses nothing of them.
  EXPECT_THAT(std::get<std::vector<float>>(set->test.inputs), ElementsAre(7, 8, 9));
}

TEST_F(NpyFolder, RealsAreTargets) {
  Write("train_y", NpyBytes("<f4", "(2, 2)", RawBytes(std::vector<float>{.5f, 2, 3, 4})));
  Write("test_y", NpyBytes("<f8", "(1, 2)", RawBytes(std::vector<double>{.1, 6})));
  TP_ASSERT_OK_AND_ASSIGN(auto set, Load());
  EXPECT_FALSE(set->is_classification);
  EXPECT_EQ(set->num_outputs, 2);
  EXPECT_EQ(set->train.count(), 2);
  EXPECT_EQ(set->test.count(), 1);
  EXPECT_THAT(set->train.targets, ElementsAre(.5, 2, 3, 4));
  EXPECT_THAT(set->test.targets, ElementsAre(.1, 6));

  Write("train_y", NpyBytes("<f4", "(2,)", RawBytes(std::vector<float>{1, 2})));
  Write("test_y", NpyBytes("<f4", "(1,)", RawBytes(std::vector<float>{3})));
  TP_ASSERT_OK_AND_ASSIGN(set, Load());
  EXPECT_EQ(set->num_outputs, 1);
}

TEST_F(NpyFolder, RankGivesTheShape) {
  const std::string train(2 * 12, 'a'), test(12, 'b');
  Write("train_x", NpyBytes("|u1", "(2, 3, 4)", train));
  Write("test_x", NpyBytes("|u1", "(1, 3, 4)", test));
  TP_ASSERT_OK_AND_ASSIGN(auto set, Load());
  EXPECT_EQ(set->shape, (MapShape{1, 3, 4}));
  EXPECT_EQ(BytesOf(set->test).size(), 12u);
  Write("train_x", NpyBytes("|u1", "(2, 3, 2, 2)", train));
  Write("test_x", NpyBytes("|u1", "(1, 3, 2, 2)", test));
  TP_ASSERT_OK_AND_ASSIGN(set, Load());
  EXPECT_EQ(set->shape, (MapShape{3, 2, 2}));
}

TEST_F(NpyFolder, WhatDoesNotFitTogetherIsRefused) {
  const std::string bytes = "abcdef";
  ExpectError("train_x", NpyBytes("|u1", "(2, 1, 1, 1, 3)", bytes),
              "inputs need 2 dimensions (samples x inputs), 3 (samples x height x width) or 4 "
              "(samples x channels x height x width), not 5");
  ExpectError("test_x", NpyBytes("|u1", "(1, 3)", "abc"), "bytes, but ");
  ExpectError("test_x", NpyBytes("|i1", "(1, 2)", "ab"), "inputs of 2, but ");
  ExpectError("train_y", NpyBytes("|i1", "(2, 1)", "ab"),
              "labels (whole numbers) need 1 dimension, not 2");
  ExpectError("train_y", NpyBytes("|i1", "(3,)", "abc"), "3 labels, but ");
  const std::string reals = RawBytes(std::vector<float>{1, 2, 3});
  ExpectError("test_y", NpyBytes("<f4", "(1, 3)", reals), "real-valued targets, but ");
  ExpectError("test_y", NpyBytes("<f4", "(1, 3, 1)", reals),
              "real-valued targets need 1 or 2 dimensions, not 3");
  ExpectError("train_x",
              NpyBytes("<f4", "(2, 3)", RawBytes(std::vector<float>{1, 2, 3, 4, 5, NAN})),
              "sample 1 has nan at position 2; legal: finite numbers");
  Write("train_y", NpyBytes("<f4", "(2,)", RawBytes(std::vector<float>{1, 2})));
  Write("test_y", NpyBytes("<f4", "(1, 1)", RawBytes(std::vector<float>{1})));
  TP_EXPECT_OK(Load());
  ExpectError("test_y", NpyBytes("<f4", "(1, 3)", reals), "3 targets for each sample, but ");
  ExpectError("test_y", NpyBytes("<f4", "(1,)", RawBytes(std::vector<float>{-INFINITY})),
              "sample 0 has -inf at position 0; legal: finite numbers");
}

TEST(DataSetCache, ReadsAnArchiveOfArrays) {
  const std::string x = NpyBytes("|u1", "(2, 2)", "abcd");
  const std::string y = NpyBytes("|u1", "(2,)", "\4\2");
  for (const char* file : {"toy.npz", "data.npz"}) {
    TempFolder folder;
    DataSetCache cache({folder.path()});
    const std::string path = folder.File(absl::StrCat("toy/", file));
    WriteBytes(path, ZipBytes({{"train_x.npy", x}, {"train_y.npy", y}, {"test_x.npy", x}}));
    EXPECT_THAT(cache.Get(NamedDataSet("toy")),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat(file, ": test_y.npy: is not there; the archive"))));
    WriteBytes(path, ZipBytes({{"train_x.npy", x, true},
                               {"train_y.npy", y, true},
                               {"test_x.npy", x, true},
                               {"test_y.npy", NpyBytes("|u1", "(2,)", "\2\3"), true}}));
    EXPECT_THAT(cache.Get(NamedDataSet("toy")),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat(file, ": test_y.npy: sample 1: label 3 is none"))));
    WriteBytes(path, ZipBytes({{"train_x.npy", x, true},
                               {"train_y.npy", y, true},
                               {"test_x.npy", x, true},
                               {"test_y.npy", y, true}}));
    TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("toy")));
    EXPECT_THAT(set->train.labels, ElementsAre(1, 0));
    EXPECT_THAT(BytesOf(set->test), ElementsAre('a', 'b', 'c', 'd'));
  }
}

TEST(DataSetCache, ReadsTables) {
  TempFolder folder;
  DataSetCache cache({folder.path()});
  const auto write = [&](const char* train, const char* test) {
    WriteBytes(folder.File("toy/train.csv"), train);
    WriteBytes(folder.File("toy/test.csv"), test);
  };
  const auto refusal = [](const char* message) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
  };
  write("a,b,label\n1,2,3\n4,5,6\n", "a,b,label\n7,8,6\n7,8,4\n");
  EXPECT_THAT(cache.Get(NamedDataSet("toy")),
              refusal("test.csv:3: label 4 is none of the classes of the training samples; "
                      "legal: 3, 6"));
  write("a,b,label\n1,2,3\n4,5,6\n", "a,c,label\n7,8,6\n");
  EXPECT_THAT(cache.Get(NamedDataSet("toy")), refusal("but it has column 2 is 'c', not 'b'"));
  write("a,b,label\n1,2,3\n4,5,6\n", "a,label\n7,6\n");
  EXPECT_THAT(cache.Get(NamedDataSet("toy")), refusal("but it has 2 columns, not 3"));
  write("a,b,label\n1,2,3\n4,5,6\n", "a,b,label\n7,8,6\n");
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("toy")));
  EXPECT_EQ(set->shape, (MapShape{2, 1, 1}));
  EXPECT_THAT(set->class_labels, ElementsAre(3, 6));
  EXPECT_THAT(std::get<std::vector<float>>(set->train.inputs), ElementsAre(1, 2, 4, 5));
}

TEST(DataSetCache, EachGeneratedTaskIsOneOfItsOwn) {
  DataSetCache cache({});
  v1::Dataset spec = SmallStudentTeacher();
  TP_ASSERT_OK_AND_ASSIGN(const auto first, cache.Get(spec));
  EXPECT_EQ(cache.Get(spec).value(), first);
  spec.set_test_samples(3);  // cuts, and changes nothing
  EXPECT_EQ(cache.Get(spec).value(), first);
  spec.set_validation(21);
  EXPECT_EQ(cache.Get(spec).value()->train.count(), 121);
  spec.mutable_student_teacher()->set_seed(1);
  EXPECT_NE(cache.Get(spec).value()->test.targets, first->test.targets);
}

// From Debian's package dataset-fashion-mnist, which deploy/install-deps.sh installs.
TEST(DataSetCache, FashionMnistIsThePublishedOne) {
  DataSetCache cache({"/usr/share/datasets"});
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("fashion-mnist")));
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
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("mnist")));
  EXPECT_EQ(set->provenance, "checksums are not those of the published mnist");
}

// A folder with mnist and cifar10, for those who have them.
class RealData : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("TPSWEEP_TEST_DATA");
    if (path == nullptr) GTEST_SKIP() << "TPSWEEP_TEST_DATA names no folder with mnist and cifar10";
    path_ = path;
  }
  std::string path_;
};

TEST_F(RealData, MnistIsThePublishedOne) {
  DataSetCache cache({path_});
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("mnist")));
  EXPECT_EQ(set->train.count(), 60000);
  EXPECT_EQ(set->test.count(), 10000);
  EXPECT_EQ(set->shape, (MapShape{1, 28, 28}));
  EXPECT_EQ(set->num_outputs, 10);
  EXPECT_EQ(set->provenance, "checksums are those of the published mnist");
}

TEST_F(RealData, Cifar10IsThePublishedOneAndStaysBytes) {
  DataSetCache cache({path_});
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache.Get(NamedDataSet("cifar10")));
  EXPECT_EQ(set->train.count(), 50000);
  EXPECT_EQ(set->test.count(), 10000);
  EXPECT_EQ(set->shape, (MapShape{3, 32, 32}));
  EXPECT_EQ(set->num_outputs, 10);
  EXPECT_EQ(set->provenance, "checksums are those of the published cifar10");
  EXPECT_EQ(BytesOf(set->train).size(), size_t{50000} * 3072);
}

}  // namespace
}  // namespace tpsweep::trainer
