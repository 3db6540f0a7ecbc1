// A TrainingRun that does what the test tells it, when the test says so.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/mutex.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::agent {

// The test's hand on every run made from it. Thread-safe.
class Script {
 public:
  using End = trainer::TrainingRun::End;

  // The run may report `count` more measurements.
  void Measure(int count) {
    MutexLock lock(mu_);
    allowed_ += count;
  }
  // The run ends once it has reported what it may.
  void Finish(End end = End::kCompleted, std::string message = "") {
    MutexLock lock(mu_);
    is_finished_ = true;
    end_ = end;
    message_ = std::move(message);
  }
  int num_created() {
    MutexLock lock(mu_);
    return num_created_;
  }
  // Measurements the agent has taken.
  int num_reported() {
    MutexLock lock(mu_);
    return reported_;
  }
  int num_stopped() {
    MutexLock lock(mu_);
    return num_stopped_;
  }

  // What an Agent makes its runs with.
  std::function<absl::StatusOr<std::unique_ptr<trainer::TrainingRun>>(const v1::TrainingSpec&,
                                                                      trainer::DataSetCache&)>
  CreateRun() {
    return [this](const v1::TrainingSpec&,
                  trainer::DataSetCache&) -> absl::StatusOr<std::unique_ptr<trainer::TrainingRun>> {
      MutexLock lock(mu_);
      ++num_created_;
      return std::make_unique<ScriptedRun>(*this);
    };
  }

 private:
  class ScriptedRun final : public trainer::TrainingRun {
   public:
    explicit ScriptedRun(Script& script) : script_(script) {}

    Result Train(const std::function<void(const v1::Measurement&)>& report,
                 const std::function<bool()>& stop, const std::function<void()>& epoch_done,
                 const std::function<int()>& /*threads*/) override {
      for (;;) {
        if (stop()) return script_.Stopped();
        switch (script_.NextStep()) {
          case Step::kWait:
            break;
          case Step::kMeasure: {
            v1::Measurement measurement;
            measurement.set_sequence(++sequence_);
            (*measurement.mutable_scalars())["train/loss"] = 0.5;
            report(measurement);
            epoch_done();
            script_.Reported();
            break;
          }
          case Step::kFinish:
            return script_.Finished();
        }
      }
    }
    std::string Checkpoint() const override { return absl::StrCat("after ", sequence_); }
    absl::Status Restore(absl::string_view checkpoint) override {
      if (absl::ConsumePrefix(&checkpoint, "after ") && absl::SimpleAtoi(checkpoint, &sequence_)) {
        return absl::OkStatus();
      }
      return absl::InvalidArgumentError("not of this run");
    }
    absl::Status Inherit(absl::string_view checkpoint) override {
      if (absl::ConsumePrefix(&checkpoint, "inherited ")) return Restore(checkpoint);
      return absl::InvalidArgumentError("not of a parent");
    }

   private:
    Script& script_;
    int64_t sequence_ = 0;
  };

  enum class Step { kWait, kMeasure, kFinish };

  Step NextStep() {
    MutexLock lock(mu_);
    if (allowed_ > 0) {
      --allowed_;
      return Step::kMeasure;
    }
    if (is_finished_) return Step::kFinish;
    told_.WaitFor(mu_, absl::Milliseconds(1));
    return Step::kWait;
  }
  void Reported() {
    MutexLock lock(mu_);
    ++reported_;
  }
  trainer::TrainingRun::Result Stopped() {
    MutexLock lock(mu_);
    ++num_stopped_;
    return {End::kStopped, ""};
  }
  trainer::TrainingRun::Result Finished() {
    MutexLock lock(mu_);
    return {end_, message_};
  }

  Mutex mu_;
  CondVar told_;
  int allowed_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_finished_ ABSL_GUARDED_BY(mu_) = false;
  End end_ ABSL_GUARDED_BY(mu_) = End::kCompleted;
  std::string message_ ABSL_GUARDED_BY(mu_);
  int num_created_ ABSL_GUARDED_BY(mu_) = 0;
  int reported_ ABSL_GUARDED_BY(mu_) = 0;
  int num_stopped_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tpsweep::agent
