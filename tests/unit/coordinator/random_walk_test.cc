// Thousands of random interleavings of everything that can happen: reports,
// completions, failures, lost connections, silence, restarts, a store that
// fails or loses its answer. Whatever happens, the study ends, every run counts
// once, and the trials are those of an undisturbed study.
#include <set>

#include "common/random.h"
#include "tests/unit/coordinator/walker.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kTrials = 4;
constexpr int kReplicates = 2;

class RandomWalkTest : public CoordinatorTest, public testing::WithParamInterface<int> {
 protected:
  void CheckTheEnd() {
    const v1::Study study = Study("s");
    ASSERT_EQ(study.state(), v1::STUDY_STATE_COMPLETED);
    EXPECT_EQ(study.runs().succeeded(), kTrials * kReplicates);
    EXPECT_EQ(study.runs().queued(), 0);
    EXPECT_EQ(study.runs().running(), 0);
    EXPECT_TRUE(store_.OpenAttempts().value().empty());
    for (const v1::Run& run : Runs("s")) {
      EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED);
      EXPECT_EQ(run.latest().sequence(), kMeasurements);
      const auto records = Measurements(run.name().substr(8), false);
      ASSERT_EQ(records.size(), kMeasurements);
      for (int64_t i = 0; i < kMeasurements; ++i) {
        EXPECT_EQ(records[static_cast<size_t>(i)].measurement().sequence(), i + 1);
      }
    }
    for (const v1::Trial& trial : Trials("s")) {
      const double objective = (ValueOf(trial.name() + "/runs/0", kMeasurements) +
                                ValueOf(trial.name() + "/runs/1", kMeasurements)) /
                               2;
      EXPECT_EQ(trial.objective(), objective);
    }
    int64_t revision = 0;
    std::set<std::string> leased;
    const std::vector<v1::Event> events = store_.ListEvents("", 0, 100'000).value();
    for (const v1::Event& event : events) {
      EXPECT_EQ(event.revision(), ++revision);
      if (event.type() != "run.leased") continue;
      EXPECT_TRUE(leased.insert(absl::StrCat(event.resource(), "#", event.run().attempt())).second);
    }
  }
};

TEST_P(RandomWalkTest, EndsAsIfNothingHadHappened) {
  RandomStream random(DeriveSeed(7, static_cast<uint64_t>(GetParam())));
  Create(MakeSpec("s", kTrials, kReplicates));
  std::vector<Walker> walkers;
  walkers.reserve(3);
  for (int i = 0; i < 3; ++i) walkers.emplace_back(i);
  for (int step = 0; step < 4000; ++step) {
    const bool is_calm = step > 300;  // then the world lets it finish
    Walker& walker = walkers[random.NextBelow(walkers.size())];
    switch (random.NextBelow(is_calm ? 5 : 12)) {
      case 0:
        walker.Listen();
        break;
      case 1:
        (void)writer_->Flush();
        break;
      case 2:
        if (!walker.is_connected) walker.Connect(*coordinator_);
        if (walker.is_connected) {
          (void)walker.worker->Offer(static_cast<int>(2 - std::min<size_t>(2, walker.held.size())));
        }
        break;
      case 3:
        walker.Work(random);
        break;
      case 4:
        clock_.Advance(absl::Seconds(1));
        coordinator_->Tick();
        break;
      case 5:
        if (walker.is_connected) walker.worker->Disconnect();
        walker.is_connected = false;
        break;
      case 6:
        if (random.NextBelow(4) != 0) break;
        if (walker.is_connected) walker.worker->Disconnect();
        walker.Respawn();
        break;
      case 7:
        if (random.NextBelow(4) != 0) break;
        for (Walker& each : walkers) each.is_connected = false;
        Restart();
        break;
      case 8:
        clock_.Advance(absl::Seconds(static_cast<int64_t>(random.NextBelow(40))));
        break;
      case 9:
        store_.Plan({FaultyStore::Fault::kFail});
        break;
      case 10:
        store_.Plan({FaultyStore::Fault::kLoseAnswer});
        break;
      default:  // says what it should not
        if (walker.is_connected) {
          (void)walker.worker->Report("studies/s/trials/0/runs/0/attempts/1", {1, 2, 3});
          (void)walker.worker->Complete("studies/s/trials/1/runs/1/attempts/1", 0,
                                        v1::ATTEMPT_OUTCOME_PREEMPTED);
        }
        break;
    }
    if (is_calm && writer_->Flush().ok() && Study("s").state() == v1::STUDY_STATE_COMPLETED) break;
  }
  CheckTheEnd();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWalkTest, testing::Range(0, 300));

}  // namespace
}  // namespace tpsweep::server
