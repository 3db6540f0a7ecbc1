// The evaluation of 10,000 test samples by 784-256x5-10, one thread, beside its matrix products
// alone, measured in turn with it: the same chunks through the same layers, whose inputs lie
// there already.
#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include "common/clock.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/run/batches.h"
#include "worker/trainer/run/evaluation.h"

namespace tpsweep::trainer {
namespace {

constexpr int64_t kSamples = 10'000;
constexpr int64_t kChunk = 256;

DataSet RandomSet() {
  DataSet set;
  set.name = "random";
  set.shape = {.channels = 1, .height = 28, .width = 28};
  set.num_outputs = 10;
  set.is_classification = true;
  RandomStream random(1);
  std::vector<uint8_t> pixels(static_cast<size_t>(kSamples * set.shape.size()));
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random.NextBelow(256));
  set.test.inputs = std::move(pixels);
  for (int64_t i = 0; i < kSamples; ++i) {
    set.test.labels.push_back(static_cast<int32_t>(random.NextBelow(10)));
  }
  return set;
}

template <class Work>
double SecondsOf(const Work& work) {
  const absl::Duration start = Clock::Real().Elapsed();
  work();
  return absl::ToDoubleSeconds(Clock::Real().Elapsed() - start);
}

template <class S>
void Evaluation(benchmark::State& state) {
  const ScopedFlushDenormals flush;
  const DataSet set = RandomSet();
  v1::TrainingSpec spec = SpecOfRule("bp");
  spec.mutable_dataset()->set_normalisation(v1::NORMALISATION_UNIT);
  const Trainee<S> trainee(spec, DenseShapes({784, 256, 256, 256, 256, 256, 10}));
  const Network<S>& network = trainee.network;
  const Batches<S> batches(spec, set);
  std::vector<int32_t> indices(kSamples);
  std::iota(indices.begin(), indices.end(), 0);

  Batch<S> chunk;
  batches.Gather(set.test, absl::MakeConstSpan(indices).first(kChunk), chunk);
  Pass<S> pass;
  network.Forward(chunk.x, pass);
  double evaluating = 0, multiplying = 0;
  for (auto _ : state) {
    evaluating += SecondsOf([&] {
      benchmark::DoNotOptimize(
          Evaluate<S>(network, v1::LOSS_CROSS_ENTROPY, batches, kChunk, set.test, indices));
    });
    multiplying += SecondsOf([&] {
      for (int64_t begin = 0; begin < kSamples; begin += kChunk) {
        const Index size = std::min(kChunk, kSamples - begin);
        for (int l = 1; l <= network.num_layers(); ++l) {
          const auto at = static_cast<size_t>(l);
          network.AffineLayer(l, pass.h[at - 1].leftCols(size), pass.a[at].leftCols(size));
        }
      }
      benchmark::DoNotOptimize(pass.a.back().data());
    });
  }
  state.counters["evaluation_ms"] =
      benchmark::Counter(1e3 * evaluating, benchmark::Counter::kAvgIterations);
  state.counters["of_products"] = evaluating / multiplying;
  state.SetLabel(KernelSetName());
}
BENCHMARK_TEMPLATE(Evaluation, float)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(Evaluation, double)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tpsweep::trainer

BENCHMARK_MAIN();
