// Workers, users, ticks and the writer at the same time, each on a thread of its own.
#include <atomic>
#include <thread>

#include "common/clock.h"
#include "server/coordinator/ticker.h"
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

void Rest() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

// It may hold some of whose end the acknowledgement was lost.
int FreeSlots(size_t held) { return held < 4 ? static_cast<int>(4 - held) : 0; }

// Trains whatever comes until `is_over`, connecting anew now and then.
void RunWorker(Coordinator& coordinator, int number, const std::atomic<bool>& is_over) {
  FakeWorker worker(absl::StrCat("w", number), "a");
  std::map<std::string, bool> held;
  for (int lives = 0; !is_over; ++lives) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : held) names.push_back(name);
    TP_ASSERT_OK(worker.Connect(coordinator, names));
    TP_ASSERT_OK(worker.Offer(FreeSlots(held.size())));
    for (int trained = 0; trained < 10 && !is_over;) {
      for (const v1::ServerMessage& message : worker.link().Take()) {
        if (message.has_lease()) {
          const std::string& attempt = message.lease().attempt();
          held[attempt] = true;
          TP_ASSERT_OK(worker.Report(attempt, {1, 2}));
          TP_ASSERT_OK(worker.Complete(attempt, 2));
        } else if (message.ack().completed()) {
          held.erase(message.ack().attempt());
          ++trained;
          TP_ASSERT_OK(worker.Offer(FreeSlots(held.size())));
        } else if (message.has_ack() && held.contains(message.ack().attempt()) && lives > 0) {
          TP_ASSERT_OK(worker.Report(message.ack().attempt(), {1, 2}));
          TP_ASSERT_OK(worker.Complete(message.ack().attempt(), 2));
        }
      }
      Rest();
    }
    worker.Disconnect();
  }
}

TEST(CoordinatorThreads, AllAtOnce) {
  constexpr int kTrials = 100;
  SetLogSink([](LogLevel, absl::string_view) {});
  MemoryStore store;
  MemoryCheckpoints checkpoints;
  StoreWriter writer({}, store, Clock::Real());
  TP_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Coordinator> coordinator,
                          Coordinator::Open({}, store, checkpoints, writer, Clock::Real()));
  writer.Start();
  v1::CreateStudyRequest request;
  *request.mutable_spec() = MakeSpec("s", kTrials);
  coordinator->CreateStudy(request, [](const absl::StatusOr<v1::Study>& s) { TP_EXPECT_OK(s); });
  std::atomic<bool> is_over = false;
  {
    Ticker ticker(Clock::Real(), absl::Milliseconds(1), [&] { coordinator->Tick(); });
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] { RunWorker(*coordinator, i, is_over); });
    }
    const absl::Duration limit = Clock::Real().Elapsed() + absl::Seconds(60);
    while (!is_over) {
      // As users do: one thing at a time, each answered.
      std::atomic<bool> is_answered = false;
      const auto answered = [&](const absl::StatusOr<v1::Study>&) { is_answered = true; };
      coordinator->PauseStudy("studies/s", answered);
      while (!is_answered.exchange(false)) Rest();
      coordinator->Workers();
      coordinator->ResumeStudy("studies/s", answered);
      while (!is_answered) Rest();
      const absl::StatusOr<v1::Study> study = store.GetStudy("studies/s");
      is_over = (study.ok() && study->state() == v1::STUDY_STATE_COMPLETED) ||
                Clock::Real().Elapsed() > limit;
      Rest();
    }
    for (std::thread& thread : threads) thread.join();
  }
  writer.Stop(absl::Seconds(5));
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, store.GetStudy("studies/s"));
  EXPECT_EQ(study.state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(study.runs().succeeded(), kTrials);
  SetLogSink({});
}

}  // namespace
}  // namespace tpsweep::server
