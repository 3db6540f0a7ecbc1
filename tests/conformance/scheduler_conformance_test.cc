// What every scheduler must do, run over all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "server/schedule/scheduler.h"
#include "tests/fakes/scheduled_run.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kEpochs = 27;

v1::StudySpec SpecOf(v1::Scheduler::AlgorithmCase kind, v1::AshaForm form) {
  v1::StudySpec spec;
  spec.mutable_training()->set_epochs(kEpochs);
  v1::Scheduler& scheduler = *spec.mutable_search()->mutable_scheduler();
  switch (kind) {
    case v1::Scheduler::kNone:
      scheduler.mutable_none();
      break;
    case v1::Scheduler::kMedian:
      scheduler.mutable_median()->set_first_epoch(1);
      scheduler.mutable_median()->set_every(3);
      scheduler.mutable_median()->set_min_trials(5);
      break;
    case v1::Scheduler::kAsha:
      scheduler.mutable_asha()->set_first_epoch(1);
      scheduler.mutable_asha()->set_eta(3);
      scheduler.mutable_asha()->set_form(form);
      break;
    case v1::Scheduler::kHyperband:
      scheduler.mutable_hyperband()->set_first_epoch(1);
      scheduler.mutable_hyperband()->set_eta(3);
      break;
    case v1::Scheduler::kPasha:
      scheduler.mutable_pasha()->set_first_epoch(1);
      scheduler.mutable_pasha()->set_eta(3);
      break;
    case v1::Scheduler::kOneEpoch:
      scheduler.mutable_one_epoch()->set_first_epoch(1);
      scheduler.mutable_one_epoch()->set_best(4);
      break;
    case v1::Scheduler::kPbt:
      scheduler.mutable_pbt()->set_population(1000);  // all trials that the tests have
      scheduler.mutable_pbt()->set_every(3);
      scheduler.mutable_pbt()->set_quantile(0.25);
      break;
    case v1::Scheduler::ALGORITHM_NOT_SET:
      break;
  }
  return spec;
}

struct Kind {
  std::string name;
  v1::StudySpec spec;
  bool judges_on_arrival;  // by those that were there
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

std::vector<Kind> Kinds() {
  std::vector<Kind> kinds;
  for (const SchedulerEntry& entry : Schedulers()) {
    const std::string name = v1::Scheduler::descriptor()->FindFieldByNumber(entry.kind)->name();
    for (const v1::AshaForm form : {v1::ASHA_FORM_PROMOTE, v1::ASHA_FORM_STOP}) {
      const bool stops = form == v1::ASHA_FORM_STOP;
      if (stops && entry.kind != v1::Scheduler::kAsha) continue;
      kinds.push_back({stops ? name + "_stop" : name, SpecOf(entry.kind, form),
                       stops || entry.kind == v1::Scheduler::kMedian});
    }
  }
  return kinds;
}

// A curve for each trial: falls towards its own limit, with noise.
double Curve(int64_t trial, int64_t epochs) {
  std::mt19937_64 random(static_cast<uint64_t>(trial * 1000 + epochs));
  const double limit = static_cast<double>((trial * 7919) % 97) / 97;
  const double noise = 0.02 * static_cast<double>(random() % 1000) / 1000;
  return limit + 1 / std::sqrt(static_cast<double>(epochs)) + noise;
}

class SchedulerConformance : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Scheduler> scheduler_ = MakeScheduler(GetParam().spec);
};

TEST_P(SchedulerConformance, IsOfTheTable) { ASSERT_NE(scheduler_, nullptr); }

TEST_P(SchedulerConformance, StopsRiseToTheLastEpochAndNobodyIsStarved) {
  for (const int workers : {1, 4, 16}) {
    scheduler_ = MakeScheduler(GetParam().spec);
    ScheduledRun run(*scheduler_, 60, kEpochs, Curve);
    run.Train(workers);
    for (int64_t trial = 0; trial < 60; ++trial) {
      EXPECT_TRUE(run.reached().contains(trial)) << "every trial gets to its first stop";
    }
    EXPECT_GT(run.NumAt(1), 0);
    // What is best at every epoch goes on to the end, wherever trials go so far.
    if (run.NumAt(kEpochs) > 0) {
      EXPECT_EQ(run.reached().at(0), kEpochs);
    }
  }
}

// Those that do not judge a trial by who came before it.
class OrderFreeSchedulerConformance : public SchedulerConformance {};

TEST_P(OrderFreeSchedulerConformance, EqualFactsInAnotherOrderLeadToTheSameDecision) {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<int64_t> order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    std::optional<std::pair<std::vector<Scheduler::Fork>, std::vector<Scheduler::Advance>>> first;
    for (int permutation = 0; permutation < 5; ++permutation) {
      const auto scheduler = MakeScheduler(GetParam().spec);
      for (int64_t trial = 0; trial < 15; ++trial) scheduler->Begin(trial);
      scheduler->Close();
      for (const int64_t trial : order) {
        if (scheduler->FirstStop(trial) == kEpochs || (trial + round) % 7 == 0) {
          scheduler->End(trial, (trial + round) % 7 == 0);
        } else {
          scheduler->Wait(trial, scheduler->FirstStop(trial), Curve(trial % 5 + round, 1));
        }
      }
      std::vector<Scheduler::Fork> forks;
      while (const auto fork = scheduler->NextFork()) {
        forks.push_back(*fork);
        scheduler->BeginFork(14 + static_cast<int64_t>(forks.size()), fork->replaces, fork->epochs);
        scheduler->End(fork->replaces, false);
      }
      std::vector<Scheduler::Advance> advances;
      while (const auto next = scheduler->Next()) {
        advances.push_back(*next);
        scheduler->GoOn(next->trial, next->epochs);
      }
      const std::pair decisions(forks, advances);
      if (!first) first = decisions;
      EXPECT_EQ(decisions, *first);
      std::shuffle(order.begin(), order.end(), random);
    }
  }
}

TEST_P(SchedulerConformance, GoesOnTheSameAfterItWasToldAllAgainByTrial) {
  // A server that starts again tells the facts trial by trial.
  struct Fact {
    int64_t epochs;
    double value;
  };
  std::map<int64_t, std::vector<Fact>> waited;
  std::map<int64_t, int64_t> stops;
  std::map<int64_t, bool> ended;
  std::map<int64_t, Scheduler::Fork> forks;
  std::vector<int64_t> running;
  int64_t begun = 0;
  constexpr int64_t kTrials = 40;
  for (int step = 0; step < 300; ++step) {
    const auto again = MakeScheduler(GetParam().spec);
    for (int64_t trial = 0; trial < begun; ++trial) {
      if (const auto fork = forks.find(trial); fork != forks.end()) {
        again->BeginFork(trial, fork->second.replaces, fork->second.epochs);
      } else {
        again->Begin(trial);
      }
      for (size_t i = 0; i < waited[trial].size(); ++i) {
        const Fact& fact = waited[trial][i];
        again->Wait(trial, fact.epochs, fact.value);
        const int64_t next =
            i + 1 < waited[trial].size() ? waited[trial][i + 1].epochs : stops[trial];
        if (next > fact.epochs) again->GoOn(trial, next);
      }
      if (ended.contains(trial)) again->End(trial, ended[trial]);
    }
    if (begun >= kTrials) again->Close();
    ASSERT_EQ(again->NextFork(), scheduler_->NextFork()) << "step " << step;
    ASSERT_EQ(again->Next(), scheduler_->Next()) << "step " << step;
    ASSERT_EQ(again->Beaten(), scheduler_->Beaten()) << "step " << step;

    if (const auto beaten = scheduler_->Beaten()) {
      scheduler_->End(*beaten, false);
      ended[*beaten] = false;
    } else if (const auto fork = scheduler_->NextFork(); fork && step % 5 != 0) {
      scheduler_->BeginFork(begun, fork->replaces, fork->epochs);
      scheduler_->End(fork->replaces, false);
      ended.try_emplace(fork->replaces, false);
      stops[begun] = fork->stop;
      running.push_back(begun);
      forks[begun++] = *fork;
    } else if (const auto next = scheduler_->Next()) {
      scheduler_->GoOn(next->trial, next->epochs);
      stops[next->trial] = next->epochs;
      running.push_back(next->trial);
    } else if (begun < kTrials && running.size() < 4) {
      stops[begun] = scheduler_->FirstStop(begun);
      scheduler_->Begin(begun);
      running.push_back(begun);
      if (++begun == kTrials) scheduler_->Close();
    } else if (!running.empty()) {
      const size_t at = static_cast<size_t>(step * 7) % running.size();
      const int64_t trial = running[at];
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
      if (stops[trial] == kEpochs || trial % 11 == 5) {
        ended[trial] = trial % 11 == 5;
        scheduler_->End(trial, ended[trial]);
      } else {
        waited[trial].push_back({stops[trial], Curve(trial, stops[trial])});
        scheduler_->Wait(trial, stops[trial], waited[trial].back().value);
      }
    }
  }
}

TEST_P(SchedulerConformance, SurvivesTrialsThatAreAllBad) {
  ScheduledRun run(*scheduler_, 30, kEpochs, [](int64_t, int64_t) { return NAN; });
  run.Train(4);
  EXPECT_EQ(run.NumAt(1), 0);
}

std::string NameOf(const testing::TestParamInfo<Kind>& kind) { return kind.param.name; }

std::vector<Kind> OrderFreeKinds() {
  std::vector<Kind> kinds = Kinds();
  std::erase_if(kinds, [](const Kind& kind) { return kind.judges_on_arrival; });
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerConformance, testing::ValuesIn(Kinds()), NameOf);
INSTANTIATE_TEST_SUITE_P(All, OrderFreeSchedulerConformance, testing::ValuesIn(OrderFreeKinds()),
                         NameOf);

}  // namespace
}  // namespace tpsweep::server
