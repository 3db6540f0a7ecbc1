// What a proposal costs, by sampler and number of ended trials, of 8 parameters.
//
//   sampler_bench --benchmark_filter=tpe
//
// p99_ms: of the processor time of the proposals of one run, each for another trial.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/search/search.h"

namespace tpsweep::server {
namespace {

constexpr int kParameters = 8;

v1::StudySpec MakeSpec(v1::Sampler::SamplerCase kind, v1::TpeModel model) {
  v1::StudySpec spec;
  spec.mutable_search()->set_seed(1);
  for (int i = 0; i < kParameters; ++i) {
    v1::Parameter& parameter = *spec.add_space();
    parameter.set_path(absl::StrCat("x", i));
    parameter.mutable_linear()->set_low(0);
    parameter.mutable_linear()->set_high(1);
  }
  v1::Sampler& sampler = *spec.mutable_search()->mutable_sampler();
  const auto* member = v1::Sampler::descriptor()->FindFieldByNumber(kind);
  auto* chosen = sampler.GetReflection()->MutableMessage(&sampler, member);
  chosen->GetReflection()->SetInt64(chosen, chosen->GetDescriptor()->FindFieldByName("trials"),
                                    10'000'000);
  if (sampler.has_tpe()) {
    sampler.mutable_tpe()->set_startup(10);
    sampler.mutable_tpe()->set_model(model);
  }
  if (sampler.has_nsga2()) sampler.mutable_nsga2()->set_population(30);
  return spec;
}

// Processor time of this thread: what other programs take does not count.
double ThreadMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

void Propose(benchmark::State& state, v1::Sampler::SamplerCase kind, v1::TpeModel model) {
  Search search(MakeSpec(kind, model));
  Search drawn(MakeSpec(v1::Sampler::kRandom, model));
  int64_t number = 0;
  const auto end_one = [&](const Search::Next& next) {
    v1::Trial trial;
    trial.set_number(number++);
    double value = 0;
    for (const v1::Assignment& assignment : next.configuration) {
      *trial.add_parameters() = assignment;
      value += std::pow(assignment.value().number_value() - 0.4, 2);
    }
    for (Search* each : {&search, &drawn}) each->Add(trial);
    trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
    trial.set_objective(value);
    for (Search* each : {&search, &drawn}) each->Tell(trial.number(), trial);
  };
  while (number < state.range(0)) end_one(*drawn.Propose());
  std::vector<double> milliseconds;
  for (auto _ : state) {
    const double start = ThreadMilliseconds();
    const std::optional<Search::Next> next = search.Propose();
    benchmark::DoNotOptimize(next);
    milliseconds.push_back(ThreadMilliseconds() - start);
    state.PauseTiming();
    end_one(*next);
    state.ResumeTiming();
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  state.counters["p99_ms"] =
      milliseconds[static_cast<size_t>(0.99 * static_cast<double>(milliseconds.size() - 1))];
}

#define SAMPLER(name, kind, model)                               \
  BENCHMARK_CAPTURE(Propose, name, v1::Sampler::kind, v1::model) \
      ->Arg(100)                                                 \
      ->Arg(1000)                                                \
      ->Arg(10000)                                               \
      ->Iterations(200)                                          \
      ->Unit(benchmark::kMillisecond)

SAMPLER(random, kRandom, TPE_MODEL_BOTH);
SAMPLER(sobol, kSobol, TPE_MODEL_BOTH);
SAMPLER(tpe, kTpe, TPE_MODEL_BOTH);
SAMPLER(tpe_multivariate, kTpe, TPE_MODEL_MULTIVARIATE);
SAMPLER(tpe_univariate, kTpe, TPE_MODEL_UNIVARIATE);
SAMPLER(cma_es, kCmaEs, TPE_MODEL_BOTH);
SAMPLER(nsga2, kNsga2, TPE_MODEL_BOTH);
BENCHMARK_CAPTURE(Propose, gp, v1::Sampler::kGp, v1::TPE_MODEL_BOTH)
    ->Arg(100)
    ->Arg(450)
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tpsweep::server

BENCHMARK_MAIN();
