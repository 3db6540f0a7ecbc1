// A training step allocates nothing once the first have made their buffers.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <atomic>

#include "tests/fakes/sanitized.h"
#include "tests/unit/trainer/trainee.h"
#include "tests/unit/trainer/training_run_harness.h"

namespace {

std::atomic<int64_t> num_allocations = 0;

}  // namespace

// Every allocation of this program is counted: C++'s and Eigen's come down to malloc.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
#ifdef TPSWEEP_SANITIZER
void __sanitizer_malloc_hook(const volatile void* /*memory*/, size_t /*size*/) {
  ++num_allocations;
}
#else
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* malloc(size_t size) {
  ++num_allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++num_allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  ++num_allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++num_allocations;
  return __libc_memalign(alignment, size);
}
#endif
}
// NOLINTEND(bugprone-reserved-identifier)

namespace tpsweep::trainer {
namespace {

// All but gnt, which decomposes a matrix for each sample with Eigen: that allocates, and
// costs little beside the decomposition.
std::vector<std::string> RulesThatKeepTheirBuffers() {
  std::vector<std::string> names = RuleNames();
  std::erase(names, "gnt");
  return names;
}

class AllocationTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Rules, AllocationTest, testing::ValuesIn(RulesThatKeepTheirBuffers()),
                         [](const auto& test) { return test.param; });

template <class S>
int64_t AllocationsOfThirdStep(const v1::TrainingSpec& spec, Index outputs = 5) {
  Trainee<S> trainee(spec, {12, 8, 8, 8, outputs});
  const Matrix<S> x = RandomMatrix<S>(12, 16, 1);
  const Matrix<S> y = RandomTargets<S>(outputs, 16, 2);
  trainee.Step(x, y);
  trainee.Step(x, y);
  const int64_t before = num_allocations;
  trainee.Step(x, y);
  return num_allocations - before;
}

TEST_P(AllocationTest, AStepOfTheRuleAllocatesNothing) {
  const v1::TrainingSpec spec = SpecOfRule(GetParam());
  EXPECT_EQ(AllocationsOfThirdStep<float>(spec), 0);
  EXPECT_EQ(AllocationsOfThirdStep<double>(spec), 0);
}

// As many classes as they like, and autoencoders.
TEST(Allocation, AStepWithManyOutputsAllocatesNothing) {
  for (const v1::Loss loss : {v1::LOSS_CROSS_ENTROPY, v1::LOSS_MSE, v1::LOSS_HALF_SQUARES}) {
    v1::TrainingSpec spec = SpecOfRule("bp");
    spec.set_loss(loss);
    EXPECT_EQ(AllocationsOfThirdStep<float>(spec, 1000), 0) << v1::Loss_Name(loss);
    EXPECT_EQ(AllocationsOfThirdStep<double>(spec, 1000), 0) << v1::Loss_Name(loss);
  }
}

TEST(Allocation, IsCounted) {
  const int64_t before = num_allocations;
  const Matrix<double> m = Matrix<double>::Zero(30, 30);
  EXPECT_GT(num_allocations, before) << m(0, 0);
}

class RunAllocationTest : public TrainingRunTest {};

TEST_F(RunAllocationTest, NeitherDoesTheRunAroundIt) {
  v1::TrainingSpec spec = SmallSpec("ddtp_linear");
  spec.set_epochs(2);
  const auto run = Make(spec);
  std::vector<int64_t> at_batch;
  at_batch.reserve(100);
  run->Train([](const auto&) {},
             [&] {
               at_batch.push_back(num_allocations);
               return false;
             });
  // The last batch of an epoch is smaller, and with it the epoch is measured; the inputs of
  // two batches after it take the full size again.
  const size_t batches = at_batch.size() / 2;
  ASSERT_GE(batches, 4u);
  for (size_t i = batches + 4; i < at_batch.size(); ++i) {
    EXPECT_EQ(at_batch[i], at_batch[i - 1]) << "batch " << i;
  }
}

}  // namespace
}  // namespace tpsweep::trainer
