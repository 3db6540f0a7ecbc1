// Dynamic inversion against what the machine can do, one thread, measured in the same run.
//
//   NdiStep       a training step of ndi on one sample, 784-1000-10, as the loop makes it:
//                 forward pass, update, the check that gradients are finite, plain SGD step.
//                 of_limit: time over that of moving the bytes that it cannot do without
//                 (W read once forward; W read and written once by the rank-one update) at
//                 the rate at which an array as large as W is copied.
//   DiDynamics    the inversion of the output layer of that network for 128 samples, 999
//                 Euler steps; of_gemm: the time of its matrix products alone, over its own.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <string>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/rules/inversion_dynamics.h"

namespace tpsweep::trainer {
namespace {

double SecondsOf(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class S>
void NdiStep(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  v1::TrainingSpec spec = SpecOfRule("ndi");
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->mutable_sgd()->set_momentum(0);
  }
  Trainee<S> trainee(spec, {784, 1000, 10});
  const Matrix<S> x = RandomMatrix<S>(784, 1, 1);
  const Matrix<S> y = RandomTargets<S>(10, 1, 2);
  const auto step = [&] {
    trainee.Evaluate(x, y);
    trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
    for (const auto& parameter : trainee.network.parameters()) {
      if (!std::isfinite(SumOfSquares<S>(parameter.gradient))) state.SkipWithError("not finite");
    }
    trainee.forward.Step(trainee.network.parameters());
  };
  const Matrix<S> from = RandomMatrix<S>(1000, 784, 3);
  Matrix<S> to = from;
  constexpr int kRounds = 20;
  double stepping = 0, copying = 0;
  for (auto _ : state) {
    stepping += SecondsOf([&] {
      for (int i = 0; i < kRounds; ++i) step();
    });
    copying += SecondsOf([&] {
      for (int i = 0; i < kRounds; ++i) {
        GetKernels<S>().scale(static_cast<size_t>(to.size()), S{1}, from.data(), to.data());
        benchmark::DoNotOptimize(to.data());
      }
    });
  }
  const double bytes = static_cast<double>(from.size()) * sizeof(S);
  const double rounds = static_cast<double>(state.iterations()) * kRounds;
  const double rate = 2 * bytes * rounds / copying;  // read and written
  state.counters["step_us"] = 1e6 * stepping / rounds;
  state.counters["copy_GB_s"] = rate / 1e9;
  state.counters["of_limit"] = stepping / rounds / (3 * bytes / rate);
  state.SetLabel(KernelSetName());
}

template <class S>
void DiDynamics(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  const Index batch = state.range(0);
  v1::Dynamics spec;
  spec.set_dt(0.5);
  spec.set_steps(999);
  spec.set_order(v1::EULER_ORDER_IN_TURN);
  const Matrix<S> w = RandomMatrix<S>(10, 1000, 1) * static_cast<S>(0.03);
  const Matrix<S> b = -w.transpose();
  const Matrix<S> y = RandomMatrix<S>(10, batch, 2);
  InversionDynamics<S> dynamics(spec, v1::NONLINEARITY_TIMES_DERIVATIVE, true);
  Matrix<S> r = Matrix<S>::Zero(1000, batch), u = Matrix<S>::Zero(10, batch);
  double running = 0, multiplying = 0;
  for (auto _ : state) {
    running += SecondsOf([&] {
      dynamics.Run({{&w, {v1::ACTIVATION_LINEAR, 1}, nullptr, nullptr}}, b, 0.01, 1, y);
    });
    multiplying += SecondsOf([&] {
      for (int i = 0; i < 999; ++i) {
        Gemm<S>(Transpose::kNo, w, Transpose::kNo, r, static_cast<S>(0.5), 1, u);
        Gemm<S>(Transpose::kNo, b, Transpose::kNo, u, static_cast<S>(0.5), static_cast<S>(0.5), r);
      }
      // Not numbers that grow.
      r.setZero();
      u.setZero();
    });
  }
  const double flops = 999.0 * 4 * 10 * 1000 * static_cast<double>(batch);
  state.counters["run_ms"] = 1e3 * running / static_cast<double>(state.iterations());
  state.counters["GFLOP_s"] = flops * static_cast<double>(state.iterations()) / running / 1e9;
  state.counters["of_gemm"] = multiplying / running;
  state.SetLabel(KernelSetName());
}

BENCHMARK(NdiStep<double>)->Unit(benchmark::kMillisecond);
BENCHMARK(NdiStep<float>)->Unit(benchmark::kMillisecond);
BENCHMARK(DiDynamics<double>)->Arg(128)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(DiDynamics<float>)->Arg(128)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tpsweep::trainer

BENCHMARK_MAIN();
