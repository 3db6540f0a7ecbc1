// Counts the multiply-adds of matrix products and solves, as the calling thread asks for
// them: what a rule costs at the least, whatever machine it runs on. Products with one
// column are not counted: they are bound by memory.
#pragma once

#include <cstdint>

namespace tpsweep::trainer {

void CountMultiplyAdds(int64_t count);
// By this thread so far.
int64_t MultiplyAddsOfThread();

}  // namespace tpsweep::trainer
