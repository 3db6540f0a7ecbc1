// What the SQLite store and the PostgreSQL store take and give on this machine's disk.
//   store_bench --benchmark_repetitions=10 --benchmark_format=json
// TMPDIR chooses SQLite's disk; PostgreSQL's is that of /tmp.
#include <benchmark/benchmark.h>

#include <memory>

#include "common/clock.h"
#include "common/status_macros.h"
#include "server/store/leadership.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/postgres.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kNumRuns = 8;  // that measure at the same time

using Engine = absl::StatusOr<std::unique_ptr<Store>> (*)(const ScratchFolder& folder);

absl::StatusOr<std::unique_ptr<Store>> Sqlite(const ScratchFolder& folder) {
  return SqliteStore::Open(folder.File("store.db"));
}

absl::StatusOr<std::unique_ptr<Store>> Postgres(const ScratchFolder&) {
  static PostgresServer server(PostgresServer::Durability::kFull);
  Leadership leadership({.uri = server.NewDatabase(), .address = ""}, Clock::Real());
  TP_RETURN_IF_ERROR(leadership.Take().status());
  // Nobody else takes the lease, so it need not be renewed.
  return PostgresStore::Open(leadership.writer(), leadership.epoch());
}

struct Bench {
  ScratchFolder folder;
  std::unique_ptr<Store> store;
  int64_t next_sequence = 1;

  // Null, and an error in `state`, if the store cannot be used.
  static std::unique_ptr<Bench> Make(benchmark::State& state, Engine engine) {
    auto bench = std::make_unique<Bench>();
    auto store = engine(bench->folder);
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
void MeasurementsCommit(benchmark::State& state, Engine engine) {
  const std::unique_ptr<Bench> bench = Bench::Make(state, engine);
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
BENCHMARK_CAPTURE(MeasurementsCommit, Sqlite, &Sqlite)
    ->Name("store_measurements_commit/sqlite")
    ->ArgName("batch")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(MeasurementsCommit, Postgres, &Postgres)
    ->Name("store_measurements_commit/postgres")
    ->ArgName("batch")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// A page of 100 measurements of one run among 80,000.
void MeasurementsPage(benchmark::State& state, Engine engine) {
  const std::unique_ptr<Bench> bench = Bench::Make(state, engine);
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
BENCHMARK_CAPTURE(MeasurementsPage, Sqlite, &Sqlite)
    ->Name("store_measurements_page/sqlite")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(MeasurementsPage, Postgres, &Postgres)
    ->Name("store_measurements_page/postgres")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// A page of 100 runs in one state among 100,000.
void RunsPageByState(benchmark::State& state, Engine engine) {
  const std::unique_ptr<Bench> bench = Bench::Make(state, engine);
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
BENCHMARK_CAPTURE(RunsPageByState, Sqlite, &Sqlite)
    ->Name("store_runs_page_by_state/sqlite")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RunsPageByState, Postgres, &Postgres)
    ->Name("store_runs_page_by_state/postgres")
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tpsweep::server

BENCHMARK_MAIN();
