#include "client/interrupt.h"

#include <array>
#include <atomic>
#include <csignal>

namespace tpsweep::client {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> num_signals = 0;
static_assert(std::atomic<int>::is_always_lock_free);
std::array<struct sigaction, kSignals.size()> previous;

void Count(int) { num_signals.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

Interrupt::Interrupt() {
  num_signals = 0;
  struct sigaction action = {};
  action.sa_handler = &Count;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &previous[i]);
}

Interrupt::~Interrupt() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
}

int Interrupt::count() const { return num_signals.load(std::memory_order_relaxed); }

}  // namespace tpsweep::client
