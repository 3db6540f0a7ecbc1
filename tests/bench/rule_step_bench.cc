// A training step of each rule at the size of [TF]'s Fashion-MNIST network, and of
// some at that of its CIFAR-10 convolutional network, one thread, everything but the reading of
// data. items/s are samples.
#include <benchmark/benchmark.h>

#include <string>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/kernels.h"
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
  v1::TrainingSpec spec = SpecOfRule(rule);
  for (const int channels : {32, 64}) {
    v1::Conv& conv = *spec.mutable_network()->add_layers()->mutable_conv();
    conv.set_channels(channels);
    conv.set_kernel(5);
    conv.set_stride(1);
    conv.set_padding(2);
    conv.set_pool(3);
    conv.set_pool_stride(2);
    conv.set_pool_padding(1);
  }
  spec.mutable_network()->add_layers()->mutable_dense()->set_units(512);
  Trainee<S> trainee(spec, *InferShapes(spec.network(), {3, 32, 32}, 10));
  const Matrix<S> x = RandomMatrix<S>(3072, kBatch, 1);
  const Matrix<S> y = RandomTargets<S>(10, kBatch, 2);
  for (auto _ : state) benchmark::DoNotOptimize(trainee.Step(x, y).loss);
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetLabel(KernelSetName());
}

void RegisterAll() {
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
