// A training step of gait on a square network of 784 units, 3 hidden layers and the output,
// mini-batches of 60, float64, one thread, as a ratio to the least time that its floating-point
// operations take at the rate of a large matrix product measured beside it.
//
// With n units, B samples, L layers, in multiplications and additions:
//   forward pass             2 n^2 B    in L layers
//   gradients of the weights 2 n^2 B    in L layers
//   solves                   2 n^2 B    in L - 1 layers: the layer below the first gets no target
//   factorisations           2/3 n^3    in L - 1 layers
//   regulariser              3 n^3      in L layers: W^T W, which is symmetric, and W offdiag(W^T
//   W)
#include <benchmark/benchmark.h>

#include <ctime>
#include <string>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/orthogonality.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/square_inverse.h"

namespace tpsweep::trainer {
namespace {

constexpr Index kUnits = 784;
constexpr Index kBatch = 60;
constexpr int kLayers = 4;

constexpr double kCube = 1.0 * kUnits * kUnits * kUnits;
constexpr double kProduct = 2.0 * kUnits * kUnits * kBatch;

// Of the processor, for this thread: what else runs on the machine matters less.
double ThreadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double SecondsOf(const Work& work) {
  const double start = ThreadSeconds();
  work();
  return ThreadSeconds() - start;
}

// Times `work`, which has so many floating-point operations, and a product of 2 n^3 in turn.
template <class Work>
void CompareWithProducts(benchmark::State& state, double operations, const Work& work) {
  const Matrix<double> a = RandomMatrix<double>(kUnits, kUnits, 8);
  Matrix<double> c(kUnits, kUnits);
  double working = 0, multiplying = 0;
  for (auto _ : state) {
    working += SecondsOf(work);
    multiplying += SecondsOf([&] {
      Gemm<double>(Transpose::kNo, a, Transpose::kNo, a, 1, 0, c);
      benchmark::DoNotOptimize(c.data());
    });
  }
  const double rate = 2 * kCube * static_cast<double>(state.iterations()) / multiplying;
  state.counters["gflops"] = rate * 1e-9;
  state.counters["work_ms"] = benchmark::Counter(1e3 * working, benchmark::Counter::kAvgIterations);
  state.counters["limit_ms"] = 1e3 * operations / rate;
  state.counters["of_limit"] =
      working / static_cast<double>(state.iterations()) / (operations / rate);
  state.SetLabel(KernelSetName());
}

void GaitStep(benchmark::State& state, const std::string& rule, double orthogonality) {
  const ScopedFlushDenormals flush;
  v1::TrainingSpec spec = SpecOfRule(rule);
  spec.set_loss(v1::LOSS_HALF_SQUARES);
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_LEAKY_RELU);
  spec.mutable_network()->set_initialiser(v1::INITIALISER_HAAR);
  spec.mutable_forward()->set_lr(0, 1e-4);
  Trainee<double> trainee(spec, DenseShapes(std::vector<Index>(kLayers + 1, kUnits)));
  const Matrix<double> x = RandomMatrix<double>(kUnits, kBatch, 1).cwiseAbs();
  const Matrix<double> y = RandomTargets<double>(10, kBatch, 2);
  double operations = 2 * kLayers * kProduct + (kLayers - 1) * kProduct;
  if (rule != "bp") operations += (kLayers - 1) * 2 / 3.0 * kCube;
  if (orthogonality > 0) operations += kLayers * 3 * kCube;
  CompareWithProducts(state, operations, [&] {
    trainee.ComputeGradients(x, y);
    if (orthogonality > 0) AddOrthogonalityGradient(orthogonality, trainee.network);
    trainee.forward.Step(trainee.network.parameters());
  });
}
BENCHMARK_CAPTURE(GaitStep, bp, "bp", 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(GaitStep, tp, "tp", 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(GaitStep, difference, "gait", 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(GaitStep, gamma, "gait_gamma", 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(GaitStep, regularised, "gait", 0.1)->Unit(benchmark::kMillisecond);

// With its estimate of the condition number.
void Factorisation(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  const Matrix<double> w = RandomMatrix<double>(kUnits, kUnits, 1);
  SquareInverse<double> inverse;
  CompareWithProducts(state, 2 / 3.0 * kCube, [&] { inverse.Factorise(w); });
}
BENCHMARK(Factorisation)->Unit(benchmark::kMillisecond);

void Solves(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  SquareInverse<double> inverse;
  inverse.Factorise(RandomMatrix<double>(kUnits, kUnits, 1));
  const Matrix<double> b = RandomMatrix<double>(kUnits, kBatch, 2);
  Matrix<double> x = b;
  CompareWithProducts(state, kProduct, [&] {
    x = b;
    inverse.Solve(x);
  });
}
BENCHMARK(Solves)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tpsweep::trainer

BENCHMARK_MAIN();
