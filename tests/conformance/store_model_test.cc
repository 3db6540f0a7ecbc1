// The same random sequence of commits on the memory store and on each engine must
// give equal answers to every read.
#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "common/random.h"
#include "server/store/memory_store.h"
#include "tests/conformance/store_engines.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

constexpr const char* kStudies[] = {"a", "b", "a-b"};

class RandomBatches {
 public:
  explicit RandomBatches(uint64_t seed) : random_(seed) {}

  int64_t Below(int64_t n) {
    return static_cast<int64_t>(random_.NextBelow(static_cast<uint64_t>(n)));
  }

  // Of few records, so that they meet; mostly legal, so that something happens.
  std::vector<WriteBatch> Next() {
    std::vector<WriteBatch> batches(static_cast<size_t>(1 + Below(3)));
    for (WriteBatch& batch : batches) Fill(batch);
    return batches;
  }

 private:
  bool HasParent() { return Below(20) != 0; }
  double Objective() {
    constexpr double kValues[] = {0.5,
                                  -1,
                                  0,
                                  -0.0,
                                  2,
                                  std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity()};
    return kValues[Below(7)];
  }

  // A record, and nearly always its parent before it.
  std::string AddStudy(WriteBatch& batch) {
    const std::string study = kStudies[Below(3)];
    batch.studies.push_back(MakeStudy(study, static_cast<v1::StudyState>(1 + Below(4))));
    return study;
  }
  std::pair<std::string, int64_t> AddTrial(WriteBatch& batch) {
    const std::string study = HasParent() ? AddStudy(batch) : kStudies[Below(3)];
    const int64_t trial = Below(6);
    batch.trials.push_back(
        MakeTrial(study, trial, static_cast<v1::TrialState>(1 + Below(3)),
                  Below(4) == 0 ? std::nullopt : std::optional<double>(Objective())));
    return {study, trial};
  }
  v1::Run AddRun(WriteBatch& batch) {
    auto [study, trial] =
        HasParent() ? AddTrial(batch) : std::pair(std::string(kStudies[Below(3)]), Below(6));
    batch.runs.push_back(
        MakeRun(study, trial, Below(3), static_cast<v1::RunState>(1 + Below(8)), Below(4)));
    return batch.runs.back();
  }
  v1::Attempt AddAttempt(WriteBatch& batch) {
    const v1::Run run =
        HasParent() ? AddRun(batch) : MakeRun(kStudies[Below(3)], Below(6), Below(3));
    v1::Attempt attempt;
    attempt.set_name(absl::StrCat(run.name(), "/attempts/", 1 + Below(3)));
    attempt.set_outcome(static_cast<v1::AttemptOutcome>(Below(4)));
    batch.attempts.push_back(attempt);
    return attempt;
  }

  void Fill(WriteBatch& batch) {
    if (Below(25) == 0)
      batch.deleted_studies.push_back(absl::StrCat("studies/", kStudies[Below(3)]));
    if (Below(4) == 0) AddStudy(batch);
    if (Below(2) == 0) AddTrial(batch);
    if (Below(2) == 0) AddRun(batch);
    if (Below(2) == 0) AddAttempt(batch);
    for (int64_t i = Below(3); i > 0; --i) {
      batch.measurements.push_back(MakeMeasurement(AddAttempt(batch), 1 + Below(5)));
      batch.measurements.back().mutable_measurement()->set_step(Below(1000));
    }
    if (Below(6) == 0) {
      batch.thinnings.push_back(
          {absl::StrCat(MakeRun(kStudies[Below(3)], Below(6), Below(3)).name(), "/attempts/",
                        1 + Below(3)),
           {1 + Below(5), 1 + Below(5)}});
    }
    for (int64_t i = Below(3); i > 0; --i) {
      revision_ += Below(30) == 0 ? 0 : 1 + Below(2);
      batch.events.push_back(
          MakeEvent(revision_, "run.leased",
                    Below(5) == 0 ? "" : absl::StrCat("studies/", kStudies[Below(3)])));
    }
  }

  RandomStream random_;
  int64_t revision_ = 0;
};

template <class T>
void Append(std::string& text, const T& record) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    record.SerializeToCodedStream(&coded);
  }
  absl::StrAppend(&text, absl::CHexEscape(bytes), "\n");
}

template <class T>
void Append(std::string& text, const absl::StatusOr<std::vector<T>>& records) {
  absl::StrAppend(&text, records.status().ToString(), "\n");
  if (!records.ok()) return;
  for (const T& record : *records) Append(text, record);
}

// All pages of a list; tokens are of the answer too.
template <class List>
void AppendPages(std::string& text, int size, List list) {
  PageRequest request{.size = size};
  do {
    const auto page = list(request);
    absl::StrAppend(&text, page.status().ToString(), "\n");
    if (!page.ok()) return;
    for (const auto& record : page->items) Append(text, record);
    request.token = page->next_token;
  } while (!request.token.empty());
}

std::string ReadEverything(const Store& store, RandomBatches& random) {
  std::string text;
  const int size = static_cast<int>(1 + random.Below(7));
  const auto pages = [&](absl::string_view title, auto list) {
    absl::StrAppend(&text, "== ", title, "\n");
    AppendPages(text, size, list);
  };
  const StudyFilter studies = {
      .states = random.Below(2) == 0
                    ? std::vector<v1::StudyState>()
                    : std::vector<v1::StudyState>{v1::STUDY_STATE_PAUSED, v1::STUDY_STATE_ACTIVE},
      .name_prefix = random.Below(2) == 0 ? "" : "a"};
  pages("studies", [&](const PageRequest& page) { return store.ListStudies(studies, page); });
  for (const char* id : kStudies) {
    const std::string study = absl::StrCat("studies/", id);
    const std::string trial = absl::StrCat(study, "/trials/", random.Below(7));
    const std::string run = absl::StrCat(trial, "/runs/", random.Below(4));
    for (const TrialFilter& filter :
         {TrialFilter{study, {}},
          TrialFilter{study, {v1::TRIAL_STATE_SUCCEEDED, v1::TRIAL_STATE_ACTIVE}}}) {
      pages("trials", [&](const PageRequest& page) { return store.ListTrials(filter, page); });
    }
    for (const std::string& parent : {study, trial}) {
      for (const RunFilter& filter :
           {RunFilter{parent, {}},
            RunFilter{parent,
                      {v1::RUN_STATE_FAILED, v1::RUN_STATE_QUEUED, v1::RUN_STATE_PAUSED}}}) {
        pages("runs", [&](const PageRequest& page) { return store.ListRuns(filter, page); });
      }
    }
    for (const std::string& parent : {study, trial, run}) {
      for (const bool all_attempts : {false, true}) {
        pages("measurements", [&](const PageRequest& page) {
          return store.ListMeasurements({parent, all_attempts}, page);
        });
      }
    }
    for (const v1::Goal goal : {v1::GOAL_MINIMIZE, v1::GOAL_MAXIMIZE}) {
      Append(text, store.BestTrials(study, goal, static_cast<int>(random.Below(9))));
    }
    Append(text, store.ListEvents(study, random.Below(20), static_cast<int>(random.Below(20))));
    const auto found_study = store.GetStudy(study);
    absl::StrAppend(&text, found_study.status().ToString(), "\n");
    const auto found_run = store.GetRun(run);
    absl::StrAppend(&text, found_run.status().ToString(), "\n");
    if (found_study.ok()) Append(text, *found_study);
    if (found_run.ok()) Append(text, *found_run);
    const auto sequence = store.LastSequence(absl::StrCat(run, "/attempts/", 1 + random.Below(3)));
    absl::StrAppend(&text, sequence.status().ToString(), sequence.value_or(-1), "\n");
  }
  Append(text, store.OpenAttempts());
  Append(text, store.ListEvents("", random.Below(100), static_cast<int>(random.Below(50))));
  absl::StrAppend(&text, store.LastRevision().value_or(-1));
  return text;
}

class StoreModel : public testing::TestWithParam<StoreEngine> {};

INSTANTIATE_TEST_SUITE_P(AllEngines, StoreModel, testing::ValuesIn(StoreEngines()),
                         [](const testing::TestParamInfo<StoreEngine>& row) {
                           return row.param.name;
                         });

// TPSWEEP_TEST_SEED repeats a failure, or tries others.
TEST_P(StoreModel, AnswersAsTheMemoryStoreDoes) {
  uint64_t first_seed = 1;
  if (const char* given = std::getenv("TPSWEEP_TEST_SEED"); given != nullptr) {
    ASSERT_TRUE(absl::SimpleAtoi(given, &first_seed));
  }
  int num_committed = 0;
  int num_refused = 0;
  for (uint64_t seed = first_seed; seed < first_seed + 4; ++seed) {
    SCOPED_TRACE(absl::StrCat("TPSWEEP_TEST_SEED=", seed));
    const ScratchFolder folder;
    const std::unique_ptr<Store> store = GetParam().make(folder);
    ASSERT_NE(store, nullptr);
    MemoryStore model;
    RandomBatches random(seed);
    for (int step = 0; step < 300; ++step) {
      const std::vector<WriteBatch> batches = random.Next();
      const absl::Status expected = model.Commit(batches);
      ASSERT_EQ(store->Commit(batches), expected) << "at step " << step;
      ++(expected.ok() ? num_committed : num_refused);
      if (step % 10 != 9) continue;
      RandomBatches reads(seed * 1000 + static_cast<uint64_t>(step));
      RandomBatches same_reads = reads;
      ASSERT_EQ(ReadEverything(*store, reads), ReadEverything(model, same_reads))
          << "at step " << step;
    }
  }
  // Or else this compares nothing.
  EXPECT_GT(num_committed, 300);
  EXPECT_GT(num_refused, 100);
}

}  // namespace
}  // namespace tpsweep::server
