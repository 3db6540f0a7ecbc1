// The multiply-adds of a training step are those that docs/benchmarks.md derives: no product
// is made twice or for nothing.
#include "worker/trainer/work_count.h"

#include <gmock/gmock.h>

#include "absl/functional/function_ref.h"
#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

constexpr Index kBatch = 16;
const std::vector<Index> kSizes = {30, 12, 11, 10, 9, 5};

// Multiply-adds for each sample.
int64_t WorkOf(const std::string& rule,
               absl::FunctionRef<void(Trainee<float>&, const Matrix<float>& x)> train) {
  Trainee<float> trainee(SpecOfRule(rule), kSizes);
  const Matrix<float> x = RandomMatrix<float>(kSizes.front(), kBatch, 1);
  const int64_t before = MultiplyAddsOfThread();
  train(trainee, x);
  const int64_t work = MultiplyAddsOfThread() - before;
  EXPECT_EQ(work % kBatch, 0);
  return work / kBatch;
}

int64_t WorkOfStep(const std::string& rule) {
  return WorkOf(rule, [](Trainee<float>& trainee, const Matrix<float>& x) {
    trainee.Step(x, RandomTargets<float>(kSizes.back(), kBatch, 2));
  });
}

// A mini-batch that trains only the feedback.
int64_t WorkOfFeedbackPass(const std::string& rule) {
  return WorkOf(rule, [](Trainee<float>& trainee, const Matrix<float>& x) {
    trainee.network.Forward(x, trainee.pass);
    trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                        trainee.feedback_losses);
  });
}

// P_l = n_l n_{l-1}; F = P_1 + ... + P_L.
int64_t P(size_t l) { return kSizes[l] * kSizes[l - 1]; }
constexpr size_t kLast = 5;

int64_t Sum(size_t first) {
  int64_t sum = 0;
  for (size_t l = first; l <= kLast; ++l) sum += P(l);
  return sum;
}
const int64_t kF = Sum(1);
// Between the output and each hidden layer: sum of n_i n_L.
int64_t Direct() {
  int64_t sum = 0;
  for (size_t i = 1; i < kLast; ++i) sum += kSizes[i] * kSizes[kLast];
  return sum;
}
// The noisy passes from each hidden layer to the output.
int64_t Noisy() {
  int64_t sum = 0;
  for (size_t i = 1; i < kLast; ++i) sum += Sum(i + 1);
  return sum;
}

TEST(WorkCount, BackpropagationIsThreeProductsALayerAndTwoInTheFirst) {
  EXPECT_EQ(WorkOfStep("bp"), 2 * kF + Sum(2));
}

TEST(WorkCount, DirectFeedbackAlignment) { EXPECT_EQ(WorkOfStep("dfa"), 2 * kF + Direct()); }

TEST(WorkCount, TargetPropagationWithLayerwiseFeedback) {
  // Targets: g at T and at h. Feedback: the layer, g of it, the gradient.
  EXPECT_EQ(WorkOfStep("dtp"), 2 * kF + 2 * Sum(2) + 3 * Sum(2));
  // Feedback: the noisy passes, as many products back down, the gradients of both evaluations. g at
  // h is that of the targets, but where there are none.
  EXPECT_EQ(WorkOfStep("dtpdrl"), 2 * kF + 2 * Sum(2) + 2 * Noisy() + 2 * Sum(2));
  EXPECT_EQ(WorkOfFeedbackPass("dtpdrl"), kF + 2 * Noisy() + Sum(2) + 2 * Sum(2));
}

TEST(WorkCount, DirectTargetPropagation) {
  const int64_t expected = 2 * kF + Direct() + Noisy() + 2 * Direct();
  EXPECT_EQ(WorkOfStep("ddtp_linear"), expected);
  EXPECT_EQ(WorkOfStep("ddtp_control"), expected);
}

TEST(WorkCount, RandomHiddenLayer) {
  const int64_t n_fb = SpecOfRule("ddtp_rhl").ddtp_rhl().random_units();
  const int64_t last = kSizes[kLast - 1] * kSizes[kLast];
  int64_t paths = 0;  // products of one evaluation of all paths
  for (size_t i = 1; i + 1 < kLast; ++i) paths += kSizes[i] * n_fb;
  const int64_t phi = n_fb * kSizes[kLast];
  const int64_t noisy = Noisy() + static_cast<int64_t>(kLast - 2) * phi + paths + last;
  const int64_t gradients = 2 * (paths + last);
  EXPECT_EQ(WorkOfStep("ddtp_rhl"), 2 * kF + 2 * (phi + paths + last) + noisy + gradients);
  EXPECT_EQ(WorkOfFeedbackPass("ddtp_rhl"), kF + noisy + (phi + paths + last) + gradients);
}

TEST(WorkCount, ExactInverses) {
  // Squares of the widest layer from the second on; the inverse of each factored once.
  const int64_t n = 12;
  const auto square = static_cast<int64_t>(kLast) - 1;
  const int64_t bp = 2 * (30 * n + square * n * n);
  const int64_t work = WorkOfStep("tp") * kBatch;
  EXPECT_EQ(work, bp * kBatch + square * (n * n * n / 3) + square * n * n * kBatch);
}

}  // namespace
}  // namespace tpsweep::trainer
