#include "worker/trainer/data/split.h"

#include <algorithm>
#include <set>

#include "tests/fakes/status_matchers.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

DataSet SetOf(size_t train, size_t test) {
  DataSet set;
  set.name = "toy";
  set.train.labels.resize(train);
  set.test.labels.resize(test);
  return set;
}

v1::Dataset Spec(int64_t validation, int64_t train_samples = 0, int64_t test_samples = 0) {
  v1::Dataset spec;
  spec.set_validation(validation);
  spec.set_train_samples(train_samples);
  spec.set_test_samples(test_samples);
  return spec;
}

TEST(Split, TrainAndValidationAreDisjointAndCoverAll) {
  const DataSet set = SetOf(1000, 50);
  TP_ASSERT_OK_AND_ASSIGN(const Split split, MakeSplit(Spec(300), set, 7));
  EXPECT_EQ(split.validation.size(), 300u);
  EXPECT_EQ(split.train.size(), 700u);
  std::set<int32_t> all(split.train.begin(), split.train.end());
  all.insert(split.validation.begin(), split.validation.end());
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_EQ(*all.begin(), 0);
  EXPECT_EQ(*all.rbegin(), 999);
  EXPECT_EQ(split.test.size(), 50u);
  EXPECT_FALSE(std::is_sorted(split.validation.begin(), split.validation.end()));
}

TEST(Split, IsAFunctionOfTheSeed) {
  const DataSet set = SetOf(1000, 50);
  TP_ASSERT_OK_AND_ASSIGN(const Split a, MakeSplit(Spec(300), set, 7));
  TP_ASSERT_OK_AND_ASSIGN(const Split same, MakeSplit(Spec(300), set, 7));
  TP_ASSERT_OK_AND_ASSIGN(const Split other, MakeSplit(Spec(300), set, 8));
  EXPECT_EQ(a.train, same.train);
  EXPECT_EQ(a.validation, same.validation);
  EXPECT_NE(a.validation, other.validation);
}

TEST(Split, FewerTrainingSamplesLeaveTheValidationSetAlone) {
  const DataSet set = SetOf(1000, 50);
  TP_ASSERT_OK_AND_ASSIGN(const Split all, MakeSplit(Spec(300), set, 7));
  TP_ASSERT_OK_AND_ASSIGN(const Split few, MakeSplit(Spec(300, 100, 20), set, 7));
  EXPECT_EQ(few.validation, all.validation);
  EXPECT_EQ(few.train, std::vector<int32_t>(all.train.begin(), all.train.begin() + 100));
  EXPECT_EQ(few.test.size(), 20u);
  EXPECT_EQ(few.test.back(), 19);
}

TEST(Split, RefusesMoreThanThereIs) {
  const DataSet set = SetOf(100, 50);
  const auto error = [&](const v1::Dataset& spec) { return MakeSplit(spec, set, 1); };
  EXPECT_THAT(error(Spec(100)), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("dataset.validation: 100 of the 100")));
  EXPECT_THAT(error(Spec(40, 61)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dataset.train_samples: 61")));
  EXPECT_THAT(error(Spec(40, 60, 51)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dataset.test_samples: 51")));
  TP_EXPECT_OK(error(Spec(40, 60, 50)));
  TP_EXPECT_OK(error(Spec(0)));
}

TEST(Permutation, HasEveryNumberOnceAndEveryPlaceIsLikely) {
  // Over many keys each of 5 numbers comes first about equally often.
  std::vector<int> first(5);
  for (uint64_t key = 0; key < 5000; ++key) {
    std::vector<int32_t> order = Permutation(5, key);
    ++first[static_cast<size_t>(order[0])];
    std::sort(order.begin(), order.end());
    ASSERT_EQ(order, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  }
  for (const int count : first) EXPECT_NEAR(count, 1000, 120);  // 4 standard deviations
  EXPECT_TRUE(Permutation(0, 1).empty());
}

}  // namespace
}  // namespace tpsweep::trainer
