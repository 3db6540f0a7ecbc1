// The fixture of the suites that every store must pass (store_*_conformance_test.cc).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/store.h"
#include "tests/conformance/store_engines.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {

template <class T>
std::vector<std::string> Names(const std::vector<T>& items) {
  std::vector<std::string> names;
  for (const T& item : items) names.push_back(item.name());
  return names;
}

inline std::vector<std::string> Names(const std::vector<v1::MeasurementRecord>& items) {
  std::vector<std::string> names;
  for (const auto& item : items) {
    names.push_back(absl::StrCat(item.attempt(), "#", item.measurement().sequence()));
  }
  return names;
}

class StoreConformance : public testing::TestWithParam<StoreEngine> {
 protected:
  void SetUp() override { ASSERT_NE(store_, nullptr); }

  absl::Status Commit(const WriteBatch& batch) { return store_->Commit({&batch, 1}); }

  // Study s: 5 trials of 3 runs; the runs of trial 1 had a lost attempt before the
  // latest; each attempt has 4 measurements.
  void FillStudy(const std::string& id) {
    WriteBatch batch;
    batch.studies.push_back(MakeStudy(id));
    for (int64_t trial = 0; trial < 5; ++trial) {
      batch.trials.push_back(
          MakeTrial(id, trial, trial % 2 == 0 ? v1::TRIAL_STATE_ACTIVE : v1::TRIAL_STATE_FAILED));
      for (int64_t replicate = 0; replicate < 3; ++replicate) {
        const int64_t latest = trial == 1 ? 2 : 1;
        batch.runs.push_back(MakeRun(
            id, trial, replicate, static_cast<v1::RunState>(1 + (trial + replicate) % 3), latest));
        for (int64_t number = 1; number <= latest; ++number) {
          batch.attempts.push_back(MakeAttempt(
              id, trial, replicate, number,
              number < latest ? v1::ATTEMPT_OUTCOME_LOST : v1::ATTEMPT_OUTCOME_UNSPECIFIED));
          for (int64_t sequence = 1; sequence <= 4; ++sequence) {
            batch.measurements.push_back(MakeMeasurement(batch.attempts.back(), sequence));
          }
        }
      }
    }
    TP_ASSERT_OK(Commit(batch));
  }

  // Goes through a list with pages of every size: whatever the size, the pages
  // together are the same list.
  template <class T>
  std::vector<std::string> ListAll(
      const std::function<absl::StatusOr<Page<T>>(const PageRequest&)>& list) {
    std::vector<std::string> expected;
    for (int size = 1000; size >= 1; size = size > 50 ? 50 : size - 1) {
      std::vector<std::string> names;
      PageRequest request{.size = size};
      do {
        absl::StatusOr<Page<T>> page = list(request);
        if (!page.ok()) {
          ADD_FAILURE() << page.status();
          return {};
        }
        EXPECT_LE(page->items.size(), static_cast<size_t>(size));
        const bool is_last = page->next_token.empty();
        EXPECT_TRUE(is_last || page->items.size() == static_cast<size_t>(size));
        for (const std::string& name : Names(page->items)) names.push_back(name);
        request.token = page->next_token;
      } while (!request.token.empty());
      if (size == 1000) expected = names;
      EXPECT_EQ(names, expected) << "with pages of " << size;
      EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
    }
    return expected;
  }

  std::vector<std::string> Studies(const StudyFilter& filter) {
    return ListAll<v1::Study>(
        [&](const PageRequest& page) { return store_->ListStudies(filter, page); });
  }
  std::vector<std::string> Trials(const TrialFilter& filter) {
    return ListAll<v1::Trial>(
        [&](const PageRequest& page) { return store_->ListTrials(filter, page); });
  }
  std::vector<std::string> Runs(const RunFilter& filter) {
    return ListAll<v1::Run>(
        [&](const PageRequest& page) { return store_->ListRuns(filter, page); });
  }
  std::vector<std::string> Measurements(const MeasurementFilter& filter) {
    return ListAll<v1::MeasurementRecord>(
        [&](const PageRequest& page) { return store_->ListMeasurements(filter, page); });
  }

  ScratchFolder folder_;
  std::unique_ptr<Store> store_ = GetParam().make(folder_);
};

}  // namespace tpsweep::server
