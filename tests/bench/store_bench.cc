// What the SQLite store takes and gives on this machine's disk.
//   store_bench --benchmark_repetitions=10 --benchmark_format=json
// TMPDIR chooses the disk.
#include <benchmark/benchmark.h>

#include <memory>

#include "server/store/sqlite_store.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kNumRuns = 8;  // that measure at the same time

struct Bench {
  ScratchFolder folder;
  std::unique_ptr<SqliteStore> store;
  int64_t next_sequence = 1;

  // Null, and an error in `state`, if the store cannot be used.
  static std::unique_ptr<Bench> Make(benchmark::State& state) {
    auto bench = std::make_unique<Bench>();
    auto store = SqliteStore::Open(bench->folder.File("store.db"));
    if (store.ok()) {
      bench->store = *std::move(store);
      WriteBatch batch{.studies = {MakeStudy("s")}};
      for (int64_t run = 0; run < kNumRuns; ++run) {
        batch.trials.push_back(MakeTrial("s", run));
        batch.runs.push_back(MakeRun("s", run, 0, v1::RUN_STATE_RUNNING, 1));
        batch.attempts.push_back(MakeAttempt("s", run, 0, 1));
      }
      if (bench->Commit(batch, state)) return bench;
    } else {
      state.SkipWithError(store.status().ToString().c_str());
    }
    return nullptr;
  }

  bool Commit(const WriteBatch& batch, benchmark::State& state) {
    const absl::Status status = store->Commit({&batch, 1});
    if (!status.ok()) state.SkipWithError(status.ToString().c_str());
    return status.ok();
  }

  // The next `size` measurements, of the runs in turn.
  WriteBatch NextMeasurements(int64_t size) {
    WriteBatch batch;
    for (int64_t i = 0; i < size; ++i, ++next_sequence) {
      batch.measurements.push_back(
          MakeMeasurement(MakeAttempt("s", next_sequence % kNumRuns, 0, 1), next_sequence));
    }
    return batch;
  }
};

// items: measurements; the rate of iterations is that of durable commits.
void MeasurementsCommit(benchmark::State& state) {
  const std::unique_ptr<Bench> bench = Bench::Make(state);
  if (bench == nullptr) return;
  for (auto _ : state) {
    state.PauseTiming();
    const WriteBatch batch = bench->NextMeasurements(state.range(0));
    state.ResumeTiming();
    if (!bench->Commit(batch, state)) break;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["commits"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(MeasurementsCommit)
    ->Name("store_measurements_commit")
    ->ArgName("batch")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// A page of 100 measurements of one run among 80,000.
void MeasurementsPage(benchmark::State& state) {
  const std::unique_ptr<Bench> bench = Bench::Make(state);
  if (bench == nullptr) return;
  for (int i = 0; i < 80; ++i) {
    if (!bench->Commit(bench->NextMeasurements(1000), state)) return;
  }
  for (auto _ : state) {
    const auto page =
        bench->store->ListMeasurements({.parent = "studies/s/trials/5/runs/0"}, {.size = 100});
    if (!page.ok() || page->items.size() != 100) state.SkipWithError("no page");
  }
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(MeasurementsPage)
    ->Name("store_measurements_page")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// A page of 100 runs in one state among 100,000.
void RunsPageByState(benchmark::State& state) {
  const std::unique_ptr<Bench> bench = Bench::Make(state);
  if (bench == nullptr) return;
  for (int64_t first = kNumRuns; first < 100'000; first += 1000) {
    WriteBatch batch;
    for (int64_t trial = first; trial < first + 1000; ++trial) {
      batch.trials.push_back(MakeTrial("s", trial));
      batch.runs.push_back(MakeRun(
          "s", trial, 0, trial % 1000 == 0 ? v1::RUN_STATE_FAILED : v1::RUN_STATE_SUCCEEDED));
    }
    if (!bench->Commit(batch, state)) return;
  }
  for (auto _ : state) {
    const auto page = bench->store->ListRuns(
        {.parent = "studies/s", .states = {v1::RUN_STATE_FAILED, v1::RUN_STATE_RUNNING}},
        {.size = 100});
    if (!page.ok() || page->items.size() != 100) state.SkipWithError("no page");
  }
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(RunsPageByState)
    ->Name("store_runs_page_by_state")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tpsweep::server

BENCHMARK_MAIN();
