// Small studies are submitted all the time, while workers, and now and then the server, are
// killed, and clients come and go: what server and workers hold of memory, descriptors and
// threads stays flat, and every study ends with one result for each run.
//
//   TPSWEEP_SOAK_SECONDS   how long; tests/run.sh soak has the long form
//   TPSWEEP_SEED           of the moments of the kills
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <list>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/clock.h"
#include "tests/fakes/sanitized.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

constexpr int kEpochs = 4;
constexpr size_t kStudiesAtATime = 4;
constexpr int kServerLives = 3;

// Four runs of some hundredths of a second; of every other study at rungs, where they wait
// with checkpoints.
v1::StudySpec SmallStudy(int number) {
  v1::StudySpec spec = LongStudy(absl::StrCat("s", number), {0.01, 0.02, 0.03, 0.04});
  spec.mutable_training()->set_batch_size(50);
  spec.mutable_training()->set_epochs(kEpochs);
  if (number % 2 == 0) {
    v1::AshaScheduler& asha = *spec.mutable_search()->mutable_scheduler()->mutable_asha();
    asha.set_first_epoch(1);
    asha.set_eta(2);
  }
  return spec;
}

// What a process held when so many studies had ended, and how large the store was.
struct Sample {
  int64_t studies;
  int64_t store;
  int64_t memory;
  int64_t descriptors;
  int64_t threads;
};

// The course of one process. The first third is left to it for getting warm; then the most that
// it held in the last third is compared with the most in the second.
class Course {
 public:
  void Add(const Process& process, int64_t studies, int64_t store) {
    samples_.push_back(
        {studies, store, process.ResidentMemory(), process.Descriptors(), process.Threads()});
  }
  // Fewer say nothing.
  bool is_long_enough() const { return samples_.size() >= 12; }

  void ExpectFlat(const std::string& what) const {
    const int64_t studies = Growth(&Sample::studies);
    const int64_t memory = Growth(&Sample::memory);
    const Sample& last = samples_.back();
    std::cout << absl::StreamFormat(
                     "%s: %d studies in the last third; %d descriptors (%+d), %d threads (%+d), "
                     "%d MiB (%+d KiB; store %+d KiB)",
                     what, studies, last.descriptors, Growth(&Sample::descriptors), last.threads,
                     Growth(&Sample::threads), last.memory >> 20, memory >> 10,
                     Growth(&Sample::store) >> 10)
              << std::endl;
    // A worker more or less that is just connecting. One that is lost with each kill, study or
    // client is more than that even in the short form.
    EXPECT_LE(Growth(&Sample::descriptors), 6) << what;
    EXPECT_LE(Growth(&Sample::threads), 6) << what;
    // SQLite keeps what was written to the store (up to 64 MiB). The rest is the allocator's,
    // and names; a study that is left behind, with its trials and runs, takes ten times as much.
    EXPECT_LE(memory, Growth(&Sample::store) + kAllocator + 4096 * studies) << what;
  }

 private:
  static constexpr int64_t kAllocator = int64_t{kIsSanitized ? 256 : 4} << 20;

  int64_t Growth(int64_t Sample::*member) const {
    const auto most = [&](size_t third) {
      int64_t largest = 0;
      for (size_t i = third * samples_.size() / 3; i < (third + 1) * samples_.size() / 3; ++i) {
        largest = std::max(largest, samples_[i].*member);
      }
      return largest;
    };
    return most(2) - most(1);
  }

  std::vector<Sample> samples_;
};

class SoakTest : public testing::Test {
 protected:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }

  int64_t StoreBytes() const {
    return static_cast<int64_t>(std::filesystem::file_size(cluster_.folder() + "/store.sqlite"));
  }

  void Submit() { active_.push_back(cluster_.Create(SmallStudy(submitted_++)).name()); }

  // Looks at what has ended, and puts new studies in its place.
  void TakeEnded() {
    for (auto study = active_.begin(); study != active_.end();) {
      if (cluster_.Get(*study).state() == v1::STUDY_STATE_ACTIVE) {
        ++study;
        continue;
      }
      CheckEnded(*study);
      // Most are deleted, or SQLite's cache of the store would grow more than all else.
      if (++ended_ % 8 != 0) cluster_.Delete(*study);
      study = active_.erase(study);
      Submit();
    }
  }

  void CheckEnded(const std::string& study) {
    EXPECT_EQ(cluster_.Get(study).state(), v1::STUDY_STATE_COMPLETED) << study;
    std::map<std::string, int64_t> results;
    for (const v1::Run& run : cluster_.Runs(study)) {
      const bool is_trained = run.state() == v1::RUN_STATE_SUCCEEDED;
      EXPECT_TRUE(is_trained || run.state() == v1::RUN_STATE_STOPPED) << run.ShortDebugString();
      results[run.name()] = run.latest().epoch();
      EXPECT_EQ(is_trained, run.latest().epoch() == kEpochs) << run.ShortDebugString();
    }
    EXPECT_EQ(results.size(), 4u) << study;
    std::map<std::string, int64_t> measured;
    for (const v1::MeasurementRecord& record : cluster_.Measurements(study)) {
      const std::string run = record.attempt().substr(0, record.attempt().find("/attempts/"));
      EXPECT_EQ(record.measurement().sequence(), ++measured[run]) << run;
    }
    EXPECT_EQ(measured, results) << study;
  }

  // A client that comes, asks, watches for a moment and goes.
  void Visit() {
    const auto service = cluster_.NewService();
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const auto events = service->Watch(&context, v1::WatchRequest());
    v1::Event event;
    EXPECT_TRUE(events->Read(&event));
    context.TryCancel();
    while (events->Read(&event)) {
    }
    (void)events->Finish();
  }

  const int seed_ = FromEnvironment("TPSWEEP_SEED", static_cast<int>(std::random_device{}() >> 1));
  std::mt19937 random_{static_cast<unsigned>(seed_)};
  Cluster cluster_;
  std::list<std::string> active_;
  int submitted_ = 0;
  int64_t ended_ = 0;
};

TEST_F(SoakTest, MemoryAndDescriptorsAreFlat) {
  SCOPED_TRACE(absl::StrCat("TPSWEEP_SEED=", seed_));
  const absl::Duration soak = absl::Seconds(FromEnvironment("TPSWEEP_SOAK_SECONDS", 15));
  Course steady;  // of a worker that is never killed
  int kills = 0;
  for (int life = 0; life < kServerLives; ++life) {
    cluster_.StartServer({"--lease-ttl", "2s"});
    if (life == 0) {
      for (const char* name : {"steady", "w1", "w2"}) cluster_.StartWorker(name, 2);
      for (size_t i = 0; i < kStudiesAtATime; ++i) Submit();
    }
    Course server;
    const absl::Duration end = Clock::Real().Elapsed() + soak / kServerLives;
    while (Clock::Real().Elapsed() < end || !server.is_long_enough()) {
      const absl::Duration next = Clock::Real().Elapsed() + absl::Milliseconds(50 + Below(200));
      WaitUntil([&] { return Clock::Real().Elapsed() >= next; });
      TakeEnded();
      Visit();
      if (Below(4) == 0) {
        const std::string victim = absl::StrCat("w", 1 + Below(2));
        cluster_.worker(victim).Signal(SIGKILL);
        ASSERT_TRUE(cluster_.worker(victim).WaitForExit());
        cluster_.StartWorker(victim, 2);
        ++kills;
      }
      server.Add(cluster_.server(), ended_, StoreBytes());
      steady.Add(cluster_.worker("steady"), ended_, 0);
    }
    server.ExpectFlat(absl::StrCat("server, life ", life + 1));
    if (life + 1 == kServerLives) break;
    cluster_.server().Signal(SIGKILL);
    ASSERT_TRUE(cluster_.server().WaitForExit());
  }
  steady.ExpectFlat("worker");
  EXPECT_TRUE(cluster_.worker("steady").is_running());
  for (const std::string& study : active_) {
    ASSERT_TRUE(WaitUntil([&] { return cluster_.Get(study).state() != v1::STUDY_STATE_ACTIVE; },
                          absl::Minutes(1)));
    CheckEnded(study);
  }
  std::cout << submitted_ << " studies of 4 runs, " << kills << " kills of workers, "
            << kServerLives - 1 << " of the server\n";
}

}  // namespace
}  // namespace tpsweep
