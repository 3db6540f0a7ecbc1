// Random walks of users and workers over the coordinator, beside a model of what users
// know: a study that a call has made, paused, resumed, cancelled or deleted is so for ever
// once the call was answered, whatever the store does and whenever the server dies; a call
// that was refused has changed nothing; one that got no answer has happened or not, but
// nothing else has. A walk that fails names its seed:
//
//   coordinator_random_walk_test --gtest_filter=Seeds/ModelTest.*/SEED
#include <set>
#include <utility>

#include "tests/unit/coordinator/walker.h"

namespace tpsweep::server {
namespace {

constexpr const char* kNames[] = {"a", "b", "c"};
constexpr int64_t kTrials = 2;

// What a study may be; UNSPECIFIED: it is not there.
using States = std::set<v1::StudyState>;

enum class Verb { kCreate, kPause, kResume, kCancel, kDelete };

// What becomes of a study by a call that is legal; nothing if it is not.
std::optional<v1::StudyState> After(Verb verb, v1::StudyState state) {
  const bool is_open = state == v1::STUDY_STATE_ACTIVE || state == v1::STUDY_STATE_PAUSED;
  switch (verb) {
    case Verb::kCreate:
      if (state == v1::STUDY_STATE_UNSPECIFIED) return v1::STUDY_STATE_ACTIVE;
      break;
    case Verb::kPause:
      if (is_open) return v1::STUDY_STATE_PAUSED;
      break;
    case Verb::kResume:
      if (is_open) return v1::STUDY_STATE_ACTIVE;
      break;
    case Verb::kCancel:
      if (is_open || state == v1::STUDY_STATE_CANCELLED) return v1::STUDY_STATE_CANCELLED;
      break;
    case Verb::kDelete:
      if (!is_open && state != v1::STUDY_STATE_UNSPECIFIED) return v1::STUDY_STATE_UNSPECIFIED;
      break;
  }
  return std::nullopt;
}

// A study as its users know it.
class Known {
 public:
  // Workers may have ended it since anybody looked.
  States Now() const { return WithEnds(history_.back().second); }
  // What a server that dies now may find again: nothing from before the last answer.
  States AfterDeath() const {
    States states;
    for (const auto& [call, after] : history_) states.merge(WithEnds(after));
    return states;
  }

  // Takes in that call number `call` was let through; false if that cannot be.
  bool Accept(Verb verb, int64_t call) {
    States after;
    for (const v1::StudyState state : Now()) {
      if (const auto next = After(verb, state)) after.insert(*next);
    }
    history_.emplace_back(call, after);
    return !after.empty();
  }
  // That the call was refused, for what the study is.
  bool Refuse(Verb verb) {
    States left;
    for (const v1::StudyState state : Now()) {
      if (!After(verb, state).has_value()) left.insert(state);
    }
    history_.back().second = left;
    return !left.empty();
  }
  // That the call was answered.
  void Answer(int64_t call) {
    if (history_.back().first < call) return;  // it has been looked at since
    std::erase_if(history_, [call](const auto& entry) { return entry.first < call; });
  }
  void See(v1::StudyState state) { history_ = {{-1, {state}}}; }

 private:
  static States WithEnds(States states) {
    if (states.contains(v1::STUDY_STATE_ACTIVE) || states.contains(v1::STUDY_STATE_PAUSED)) {
      states.insert(v1::STUDY_STATE_COMPLETED);
    }
    return states;
  }

  // What it may have been after each call that was let through, from the last answered on.
  std::vector<std::pair<int64_t, States>> history_ = {{-1, {v1::STUDY_STATE_UNSPECIFIED}}};
};

class ModelTest : public CoordinatorTest, public testing::WithParamInterface<int> {
 protected:
  void Call(Verb verb, const std::string& study) {
    const int64_t call = ++calls_;
    // An answer may come long after the call, or never.
    const auto done = [this, study, call, is_in_call = is_in_call_](const absl::Status& status) {
      if (*is_in_call) {
        immediate_ = status;
      } else if (status.ok()) {
        known_[study].Answer(call);
      } else {
        // Not found: by then it was deleted.
        EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsNotFound(status)) << status;
      }
    };
    const auto of_study = [done](const absl::StatusOr<v1::Study>& result) {
      done(result.status());
    };
    immediate_.reset();
    *is_in_call_ = true;
    const std::string name = "studies/" + study;
    switch (verb) {
      case Verb::kCreate: {
        v1::CreateStudyRequest request;
        *request.mutable_spec() = MakeSpec(study, kTrials);
        coordinator_->CreateStudy(request, of_study);
        break;
      }
      case Verb::kPause:
        coordinator_->PauseStudy(name, of_study);
        break;
      case Verb::kResume:
        coordinator_->ResumeStudy(name, of_study);
        break;
      case Verb::kCancel:
        coordinator_->CancelStudy(name, of_study);
        break;
      case Verb::kDelete:
        coordinator_->DeleteStudy(name, done);
        break;
    }
    *is_in_call_ = false;
    if (!immediate_.has_value()) {
      EXPECT_TRUE(known_[study].Accept(verb, call)) << study << ": should have been refused";
      return;
    }
    if (absl::IsUnavailable(*immediate_)) return;  // nothing was changed
    if (immediate_->ok()) {
      EXPECT_TRUE(known_[study].Accept(verb, call)) << study << ": should have been refused";
      known_[study].Answer(call);
      return;
    }
    EXPECT_TRUE(known_[study].Refuse(verb)) << study << ": " << *immediate_;
  }

  v1::StudyState Stored(const std::string& study) {
    const absl::StatusOr<v1::Study> found = store_.GetStudy("studies/" + study);
    return found.ok() ? found->state() : v1::STUDY_STATE_UNSPECIFIED;
  }

  // All that was done is durable: so the store has what users know.
  void FlushAndCompare() {
    if (!writer_->Flush().ok()) return;
    for (const char* study : kNames) {
      const v1::StudyState state = Stored(study);
      EXPECT_TRUE(known_[study].Now().contains(state)) << study << " is " << state;
      known_[study].See(state);
    }
  }
  void Die() {
    for (Walker& walker : walkers_) walker.is_connected = false;
    Restart();
    for (const char* study : kNames) {
      const v1::StudyState state = Stored(study);
      EXPECT_TRUE(known_[study].AfterDeath().contains(state)) << study << " is " << state;
      known_[study].See(state);
    }
  }

  void Work(Walker& walker, RandomStream& random, bool is_calm) {
    switch (random.NextBelow(is_calm ? 3 : 5)) {
      case 0:
        walker.Listen();
        CheckAcknowledged(walker);
        break;
      case 1:
        if (!walker.is_connected) walker.Connect(*coordinator_);
        if (walker.is_connected) {
          (void)walker.worker->Offer(static_cast<int>(2 - std::min<size_t>(2, walker.held.size())));
        }
        break;
      case 2:
        walker.Work(random);
        break;
      case 3:
        if (walker.is_connected) walker.worker->Disconnect();
        walker.is_connected = false;
        break;
      default:
        if (walker.is_connected) walker.worker->Disconnect();
        walker.Respawn();
        break;
    }
  }
  // What a worker was told is durable is there, as long as its study is.
  void CheckAcknowledged(const Walker& walker) {
    for (const auto& [attempt, held] : walker.held) {
      const std::string study = attempt.substr(8, attempt.find('/', 8) - 8);
      if (deleted_.contains(study)) continue;  // there may have been another attempt of that name
      EXPECT_GE(store_.LastSequence(attempt).value(), held.durable) << attempt;
    }
  }

  // Every run of a study that has completed has one result, of all it measured.
  void CheckTheEnd(const std::string& study) {
    if (Stored(study) == v1::STUDY_STATE_UNSPECIFIED) return;
    const std::vector<v1::Run> runs = Runs(study);
    const bool is_completed = Stored(study) == v1::STUDY_STATE_COMPLETED;
    ASSERT_TRUE(is_completed || Stored(study) == v1::STUDY_STATE_CANCELLED) << study;
    EXPECT_TRUE(!is_completed || runs.size() == kTrials) << study;
    for (const v1::Run& run : runs) {
      if (!is_completed && run.state() == v1::RUN_STATE_CANCELLED) continue;
      EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.name();
      const auto records = Measurements(run.name().substr(8), false);
      ASSERT_EQ(records.size(), kMeasurements) << run.name();
      for (int64_t i = 0; i < kMeasurements; ++i) {
        EXPECT_EQ(records[static_cast<size_t>(i)].measurement().sequence(), i + 1);
      }
    }
  }

  const std::shared_ptr<bool> is_in_call_ = std::make_shared<bool>(false);
  std::optional<absl::Status> immediate_;
  int64_t calls_ = 0;
  std::map<std::string, Known> known_;
  std::set<std::string> deleted_;
  std::vector<Walker> walkers_;
};

TEST_P(ModelTest, WhatWasAnsweredIsTrueForEver) {
  RandomStream random(DeriveSeed(11, static_cast<uint64_t>(GetParam())));
  walkers_.reserve(2);
  for (int i = 0; i < 2; ++i) walkers_.emplace_back(i);
  for (int step = 0; step < 300 && !HasFailure(); ++step) {
    switch (random.NextBelow(10)) {
      case 0:
      case 1: {
        const std::string study = kNames[random.NextBelow(3)];
        const auto verb = static_cast<Verb>(random.NextBelow(5));
        if (verb == Verb::kDelete) deleted_.insert(study);
        Call(verb, study);
        break;
      }
      case 2:
        FlushAndCompare();
        break;
      case 3:
        clock_.Advance(absl::Seconds(static_cast<int64_t>(random.NextBelow(20))));
        coordinator_->Tick();
        break;
      case 4:
        store_.Plan({random.NextBelow(2) == 0 ? FaultyStore::Fault::kFail
                                              : FaultyStore::Fault::kLoseAnswer});
        break;
      case 5:
        if (random.NextBelow(4) == 0) Die();
        break;
      default:
        Work(walkers_[random.NextBelow(2)], random, false);
        break;
    }
  }
  // Then the world lets it finish.
  for (int step = 0; step < 4000 && !HasFailure(); ++step) {
    for (const char* study : kNames) {
      if (Stored(study) == v1::STUDY_STATE_PAUSED) Call(Verb::kResume, study);
    }
    Work(walkers_[random.NextBelow(2)], random, true);
    clock_.Advance(absl::Seconds(1));
    coordinator_->Tick();
    FlushAndCompare();
    if (std::none_of(std::begin(kNames), std::end(kNames), [this](const char* study) {
          return Stored(study) == v1::STUDY_STATE_ACTIVE || Stored(study) == v1::STUDY_STATE_PAUSED;
        })) {
      break;
    }
  }
  for (const char* study : kNames) CheckTheEnd(study);
  EXPECT_THAT(store_.OpenAttempts(), IsOkAndHolds(testing::IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range(0, 400));

}  // namespace
}  // namespace tpsweep::server
