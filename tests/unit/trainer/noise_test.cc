#include "worker/trainer/noise.h"

#include <gmock/gmock.h>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

Matrix<double> Draw(uint64_t key, uint64_t step, int layer, Index rows = 300, Index cols = 200) {
  CounterNoise<double> noise(key);
  noise.set_step(step);
  Matrix<double> out(rows, cols);
  noise.Fill(layer, 1, out);
  return out;
}

TEST(NoiseTest, IsAFunctionOfKeyStepLayerAndPosition) {
  const Matrix<double> reference = Draw(1, 2, 3);
  EXPECT_EQ(Draw(1, 2, 3), reference);
  EXPECT_NE(Draw(4, 2, 3), reference);
  EXPECT_NE(Draw(1, 4, 3), reference);
  EXPECT_NE(Draw(1, 2, 4), reference);
  EXPECT_NE(Draw(1, 2 + (uint64_t{1} << 32), 3), reference);
  // A shorter batch takes the first draws.
  EXPECT_EQ(Draw(1, 2, 3, 300, 7), reference.leftCols(7));
}

TEST(NoiseTest, SameBitsForAnyNumberOfThreads) {
  const Matrix<double> reference = Draw(1, 2, 3);
  for (const int num_threads : {2, 4}) {
    const ScopedThreads threads(num_threads);
    EXPECT_EQ(Draw(1, 2, 3), reference);
  }
}

TEST(NoiseTest, FloatDrawsAreTheDoubleOnesRounded) {
  CounterNoise<float> noise(1);
  noise.set_step(2);
  Matrix<float> out(300, 200);
  noise.Fill(3, 1, out);
  EXPECT_LT((out.cast<double>() - Draw(1, 2, 3)).cwiseAbs().maxCoeff(), 2e-6);
}

}  // namespace
}  // namespace tpsweep::trainer
