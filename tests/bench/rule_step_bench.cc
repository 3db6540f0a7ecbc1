// A training step of each rule at the size of [TF]'s Fashion-MNIST network, and of
// some at that of its CIFAR-10 convolutional network, one thread, everything but the reading of
// data. items/s are samples.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/measure/measurer.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

constexpr Index kBatch = 128;

template <class S>
void TrainingStep(benchmark::State& state, const std::string& rule) {
  const ScopedFlushDenormals flush;
  v1::TrainingSpec spec = SpecOfRule(rule);
  if (spec.has_ddtp_rhl()) spec.mutable_ddtp_rhl()->set_random_units(1024);
  Trainee<S> trainee(spec, {784, 256, 256, 256, 256, 256, 10});
  const Matrix<S> x = RandomMatrix<S>(784, kBatch, 1).cwiseAbs();
  const Matrix<S> y = RandomTargets<S>(10, kBatch, 2);
  for (auto _ : state) benchmark::DoNotOptimize(trainee.Step(x, y).loss);
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetLabel(KernelSetName());
}

// The CIFAR-10 convolutional network of [TF].
template <class S>
void ConvTrainingStep(benchmark::State& state, const std::string& rule) {
  const ScopedFlushDenormals flush;
  const v1::TrainingSpec spec = Cifar10SpecOfRule(rule);
  Trainee<S> trainee(spec, *InferShapes(spec.network(), {3, 32, 32}, 10));
  const Matrix<S> x = RandomMatrix<S>(3072, kBatch, 1);
  const Matrix<S> y = RandomTargets<S>(10, kBatch, 2);
  for (auto _ : state) benchmark::DoNotOptimize(trainee.Step(x, y).loss);
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetLabel(KernelSetName());
}

// The angles with Gauss-Newton targets on one mini-batch, as a share of the 30 steps of
// ddtp_linear that lie between two measurements: counter of_training.
template <class S>
void MeasuringGntAngles(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  Trainee<S> trainee(SpecOfRule("ddtp_linear"), {784, 256, 256, 256, 256, 256, 10});
  const Matrix<S> x = RandomMatrix<S>(784, kBatch, 1).cwiseAbs();
  const Matrix<S> y = RandomTargets<S>(10, kBatch, 2);
  v1::Measure spec;
  spec.set_every(30);
  spec.add_quantities(v1::QUANTITY_GNT_ANGLE);
  spec.add_damping(1);
  Measurer<S> measurer(spec, trainee.network.num_layers());
  const auto seconds_of = [](const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  double training = 0, measuring = 0;
  for (auto _ : state) {
    training += seconds_of([&] {
      for (int step = 0; step < 30; ++step) trainee.Step(x, y);
    });
    trainee.ComputeGradients(x, y);
    measuring += seconds_of([&] {
      v1::Measurement measurement;
      measurer.Measure({trainee.network, trainee.pass, trainee.rule->feedback_parameters(),
                        trainee.feedback_losses},
                       nullptr, measurement);
      benchmark::DoNotOptimize(measurement);
    });
  }
  state.counters["training_ms"] =
      benchmark::Counter(1e3 * training, benchmark::Counter::kAvgIterations);
  state.counters["measuring_ms"] =
      benchmark::Counter(1e3 * measuring, benchmark::Counter::kAvgIterations);
  state.counters["of_training"] = measuring / training;
}

void RegisterAll() {
  benchmark::RegisterBenchmark("MeasuringGntAngles/float32", MeasuringGntAngles<float>)
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("MeasuringGntAngles/float64", MeasuringGntAngles<double>)
      ->Unit(benchmark::kMillisecond);
  for (const std::string rule : {"bp", "ddtp_linear"}) {
    benchmark::RegisterBenchmark(("ConvTrainingStep/" + rule + "/float32").c_str(),
                                 ConvTrainingStep<float>, rule)
        ->Unit(benchmark::kMillisecond);
  }
  for (const RuleEntry& rule : Rules()) {
    const std::string name = rule.name;
    benchmark::RegisterBenchmark(("TrainingStep/" + name + "/float32").c_str(), TrainingStep<float>,
                                 name)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("TrainingStep/" + name + "/float64").c_str(),
                                 TrainingStep<double>, name)
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace tpsweep::trainer

int main(int argc, char** argv) {
  tpsweep::trainer::RegisterAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
