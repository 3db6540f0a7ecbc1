#include "worker/trainer/work_count.h"

namespace tpsweep::trainer {
namespace {

thread_local int64_t multiply_adds = 0;

}  // namespace

void CountMultiplyAdds(int64_t count) { multiply_adds += count; }
int64_t MultiplyAddsOfThread() { return multiply_adds; }

}  // namespace tpsweep::trainer
