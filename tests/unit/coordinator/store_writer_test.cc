#include "server/coordinator/store_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "server/store/memory_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_store.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreWriterTest : public testing::Test {
 protected:
  StoreWriterTest() {
    SetLogSink([](LogLevel, absl::string_view) {});
  }
  ~StoreWriterTest() override { SetLogSink({}); }

  static WriteBatch StudyBatch(const std::string& name, int64_t revision) {
    WriteBatch batch;
    v1::Study& study = batch.studies.emplace_back();
    study.set_name("studies/" + name);
    study.mutable_spec()->set_study(name);
    v1::Event& event = batch.events.emplace_back();
    event.set_revision(revision);
    event.set_resource(study.name());
    event.set_type("study.created");
    return batch;
  }
  // Waits, in real time, until `condition` holds.
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  MemoryStore memory_;
  FaultyStore store_{memory_};
  FakeClock clock_;
};

TEST_F(StoreWriterTest, CommitsEverythingThatWaitsInOneGo) {
  StoreWriter writer({}, store_, clock_);
  std::vector<int> order;
  for (int i = 1; i <= 3; ++i) {
    const StoreWriter::Ticket ticket = writer.Enqueue(StudyBatch(absl::StrCat("s", i), i));
    writer.WhenDurable(ticket, [&order, i](const absl::Status&) { order.push_back(i); });
  }
  int64_t revision = 0;
  writer.OnCommit([&](int64_t r) { revision = r; });
  TP_ASSERT_OK(writer.Flush());
  EXPECT_EQ(store_.num_commits(), 1);
  EXPECT_EQ(revision, 3);
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  bool is_durable = false;
  writer.WhenDurable(2, [&](const absl::Status& s) { is_durable = s.ok(); });
  EXPECT_TRUE(is_durable);
}

TEST_F(StoreWriterTest, RepeatsUntilTheStoreWrites) {
  StoreWriter writer({}, store_, clock_);
  store_.FailAll(true);
  writer.Start();
  std::atomic<bool> is_durable = false;
  writer.Enqueue(StudyBatch("s", 1), [&](const absl::Status& s) { is_durable = s.ok(); });
  ASSERT_TRUE(Eventually([&] { return !writer.Status().ok(); }));
  EXPECT_THAT(writer.Status(), StatusIs(absl::StatusCode::kUnavailable,
                                        HasSubstr("store cannot write: disk is full")));
  writer.Enqueue(StudyBatch("t", 2));
  store_.FailAll(false);
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(absl::Seconds(1));
    return is_durable.load();
  }));
  TP_EXPECT_OK(writer.Status());
  writer.Stop(absl::Seconds(1));
  TP_EXPECT_OK(store_.GetStudy("studies/t"));
}

TEST_F(StoreWriterTest, BacksOff) {
  StoreWriterOptions options;
  options.retry_min = absl::Seconds(1);
  options.retry_max = absl::Seconds(4);
  StoreWriter writer(options, store_, clock_);
  store_.FailAll(true);
  writer.Start();
  writer.Enqueue(StudyBatch("s", 1));
  ASSERT_TRUE(Eventually([&] { return store_.num_commits() == 1; }));
  for (int commits = 2; commits < 8; ++commits) {
    ASSERT_TRUE(Eventually([&] {
      clock_.Advance(absl::Milliseconds(100));
      return store_.num_commits() == commits;
    }));
  }
  const absl::Duration spent = clock_.Elapsed() - absl::Seconds(1000);
  EXPECT_GE(spent, absl::Seconds(1 + 2 + 4 + 4 + 4 + 4));
}

TEST_F(StoreWriterTest, StopWritesWhatWaits) {
  StoreWriter writer({}, store_, clock_);
  for (int i = 1; i <= 100; ++i) writer.Enqueue(StudyBatch(absl::StrCat("s", i), i));
  writer.Start();
  writer.Stop(absl::Seconds(1));
  EXPECT_EQ(store_.LastRevision().value(), 100);
}

TEST_F(StoreWriterTest, StopGivesUpOnAStoreThatFails) {
  StoreWriter writer({}, store_, clock_);
  store_.FailAll(true);
  absl::Status answer;
  writer.Enqueue(StudyBatch("s", 1), [&](const absl::Status& s) { answer = s; });
  writer.Start();
  writer.Stop(absl::ZeroDuration());
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stopping")));
}

TEST_F(StoreWriterTest, SaysWhenThereIsRoomAgain) {
  StoreWriterOptions options;
  options.max_queue_bytes = 10'000;
  StoreWriter writer(options, store_, clock_);
  int ready = 0;
  writer.WhenRoom([&] { ++ready; });
  EXPECT_EQ(ready, 1);
  for (int i = 1; i <= 10; ++i) writer.Enqueue(StudyBatch(absl::StrCat("s", i), i));
  EXPECT_FALSE(writer.HasRoom());
  writer.WhenRoom([&] { ++ready; });
  EXPECT_EQ(ready, 1);
  store_.Plan({FaultyStore::Fault::kFail});
  EXPECT_FALSE(writer.Flush().ok());
  EXPECT_FALSE(writer.HasRoom());
  EXPECT_EQ(ready, 1);
  TP_ASSERT_OK(writer.Flush());
  EXPECT_TRUE(writer.HasRoom());
  EXPECT_EQ(ready, 2);
}

TEST_F(StoreWriterTest, ManyThreadsKeepTheirOrder) {
  StoreWriter writer({}, store_, clock_);
  writer.Start();
  Mutex mu;
  int64_t revision = 0;
  std::atomic<int> durable = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        MutexLock lock(mu);  // as the coordinator does: order of memory is order of the store
        ++revision;
        writer.Enqueue(StudyBatch(absl::StrCat("s", t, "-", i), revision),
                       [&](const absl::Status& s) { durable += s.ok(); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  writer.Stop(absl::Seconds(1));
  EXPECT_EQ(durable, 800);
  EXPECT_EQ(store_.LastRevision().value(), 800);
}

}  // namespace
}  // namespace tpsweep::server
