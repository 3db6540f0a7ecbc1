// Calls a function again and again on a thread of its own, until destroyed.
#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace tpsweep::server {

class Ticker {
 public:
  Ticker(Clock& clock, absl::Duration interval, std::function<void()> tick)
      : clock_(clock), interval_(interval), tick_(std::move(tick)), thread_([this] { Loop(); }) {}
  ~Ticker() {
    {
      MutexLock lock(mu_);
      is_stopping_ = true;
      wake_.NotifyAll();
    }
    thread_.join();
  }

 private:
  void Loop() {
    for (;;) {
      {
        MutexLock lock(mu_);
        const absl::Duration next = clock_.Elapsed() + interval_;
        while (!is_stopping_ && clock_.Elapsed() < next) {
          clock_.WaitFor(wake_, mu_, next - clock_.Elapsed());
        }
        if (is_stopping_) return;
      }
      tick_();
    }
  }

  Clock& clock_;
  const absl::Duration interval_;
  const std::function<void()> tick_;
  Mutex mu_;
  CondVar wake_;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace tpsweep::server
