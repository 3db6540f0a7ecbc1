// What every store must do with long lists, and with measurements that later ones made void.
#include "tests/conformance/store_conformance.h"

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_P(StoreConformance, WhatWasMeasuredAfterTheResumedPlaceDoesNotCount) {
  WriteBatch batch;
  batch.studies.push_back(MakeStudy("s"));
  batch.trials.push_back(MakeTrial("s", 0));
  batch.runs.push_back(MakeRun("s", 0, 0, v1::RUN_STATE_RUNNING, 3));
  // Attempt 2 went on after measurement 3 of attempt 1, attempt 3 after measurement 5.
  const std::vector<int64_t> starts = {0, 3, 5};
  const std::vector<int64_t> ends = {4, 7, 6};
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto number = static_cast<int64_t>(i) + 1;
    v1::Attempt attempt = MakeAttempt("s", 0, 0, number);
    attempt.set_start_sequence(starts[i]);
    batch.attempts.push_back(attempt);
    for (int64_t sequence = starts[i] + 1; sequence <= ends[i]; ++sequence) {
      batch.measurements.push_back(MakeMeasurement(attempt, sequence));
    }
  }
  ASSERT_THAT(Commit(batch), IsOk());
  const auto named = [](int64_t attempt, int64_t sequence) {
    return absl::StrCat("studies/s/trials/0/runs/0/attempts/", attempt, "#", sequence);
  };
  const std::vector<std::string> counted = {named(1, 1), named(1, 2), named(1, 3),
                                            named(2, 4), named(2, 5), named(3, 6)};
  const MeasurementFilter filter{.parent = "studies/s"};
  EXPECT_EQ(Names(store_->ListMeasurements(filter, {}).value().items), counted);
  // Also page by page.
  std::vector<std::string> paged;
  PageRequest page{2, ""};
  do {
    const auto part = store_->ListMeasurements(filter, page).value();
    for (const std::string& name : Names(part.items)) paged.push_back(name);
    page.token = part.next_token;
  } while (!page.token.empty());
  EXPECT_EQ(paged, counted);
  EXPECT_EQ(store_->ListMeasurements({"studies/s", true}, {}).value().items.size(), 9u);
}
TEST_P(StoreConformance, PageTokensAreCheckedAndSizesClipped) {
  FillStudy("s");
  const RunFilter filter = {.parent = "studies/s"};
  TP_ASSERT_OK_AND_ASSIGN(const auto page, store_->ListRuns(filter, {.size = 2}));
  ASSERT_FALSE(page.next_token.empty());
  const auto illegal =
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not one of this list"));
  for (std::string token :
       {std::string("x"), std::string("-"), std::string("1.2"), "9" + page.next_token,
        page.next_token + "0", page.next_token.substr(0, page.next_token.size() - 1),
        std::string("\0\xff", 2), std::string(100000, '9')}) {
    EXPECT_THAT(store_->ListRuns(filter, {.size = 2, .token = token}), illegal) << token;
  }
  // Nor does it fit another list, or the same one with other filters.
  const std::string token = page.next_token;
  EXPECT_THAT(store_->ListRuns({.parent = "studies/s", .states = {v1::RUN_STATE_QUEUED}},
                               {.size = 2, .token = token}),
              illegal);
  EXPECT_THAT(store_->ListRuns({.parent = "studies/s/trials/0"}, {.size = 2, .token = token}),
              illegal);
  EXPECT_THAT(store_->ListTrials({.study = "studies/s"}, {.size = 2, .token = token}), illegal);
  EXPECT_THAT(store_->ListStudies({}, {.size = 2, .token = token}), illegal);

  TP_ASSERT_OK_AND_ASSIGN(const auto smallest, store_->ListRuns(filter, {.size = -5}));
  EXPECT_EQ(smallest.items.size(), 1);
  WriteBatch many{.studies = {MakeStudy("many")}};
  for (int64_t i = 0; i < 1001; ++i) many.trials.push_back(MakeTrial("many", i));
  TP_ASSERT_OK(Commit(many));
  TP_ASSERT_OK_AND_ASSIGN(const auto largest,
                          store_->ListTrials({.study = "studies/many"}, {.size = 1'000'000}));
  EXPECT_EQ(largest.items.size(), 1000);
}

TEST_P(StoreConformance, APageThatEndsAtTheLastItemIsTheLastPage) {
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("a"), MakeStudy("b")}}));
  TP_ASSERT_OK_AND_ASSIGN(const auto page, store_->ListStudies({}, {.size = 2}));
  EXPECT_EQ(page.items.size(), 2);
  EXPECT_EQ(page.next_token, "");
}

TEST_P(StoreConformance, ATokenOutlivesTheItemItStandsFor) {
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("a"), MakeStudy("b"), MakeStudy("c")}}));
  TP_ASSERT_OK_AND_ASSIGN(const auto page, store_->ListStudies({}, {.size = 2}));
  TP_ASSERT_OK(Commit({.deleted_studies = {"studies/b"}}));
  TP_ASSERT_OK_AND_ASSIGN(const auto next,
                          store_->ListStudies({}, {.size = 2, .token = page.next_token}));
  EXPECT_THAT(Names(next.items), ElementsAre("studies/c"));
}

TEST_P(StoreConformance, PagesOfLargeRecordsAreCutByTheirBytes) {
  WriteBatch batch{.studies = {MakeStudy("s")},
                   .trials = {MakeTrial("s", 0)},
                   .runs = {MakeRun("s", 0, 0, v1::RUN_STATE_RUNNING, 1)},
                   .attempts = {MakeAttempt("s", 0, 0, 1)}};
  for (int64_t sequence = 1; sequence <= 10; ++sequence) {
    v1::MeasurementRecord record = MakeMeasurement(batch.attempts[0], sequence);
    auto& values = (*record.mutable_measurement()->mutable_vectors())["layer/target_norm"];
    for (int i = 0; i < 125'000; ++i) values.add_values(0.5);  // 1 MB
    batch.measurements.push_back(std::move(record));
  }
  TP_ASSERT_OK(Commit(batch));
  size_t num_pages = 0;
  size_t num_items = 0;
  PageRequest request;
  do {
    TP_ASSERT_OK_AND_ASSIGN(const auto page,
                            store_->ListMeasurements({.parent = "studies/s"}, request));
    size_t bytes = 0;
    for (const auto& item : page.items) bytes += item.ByteSizeLong();
    EXPECT_LT(bytes, 4 << 20);
    ++num_pages;
    num_items += page.items.size();
    request.token = page.next_token;
  } while (!request.token.empty());
  EXPECT_EQ(num_items, 10);
  EXPECT_EQ(num_pages, 4);
}

}  // namespace
}  // namespace tpsweep::server
