// Leases and measurements a second through real gRPC on loopback into SQLite,
// with workers that do not train: what the service itself can do.
//
//   coordinator_bench --benchmark_repetitions=10 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#include <grpcpp/create_channel.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/rpc_server.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/sqlite_store.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::server {
namespace {

constexpr int kSlots = 32;

// A server on a store of its own, in a folder that is removed afterwards.
class Server {
 public:
  Server() {
    SetLogLevel(LogLevel::kError);
    std::string folder = (std::filesystem::temp_directory_path() / "tpsweep-bench-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    store_ = *SqliteStore::Open((folder_ / "store.db").string());
    writer_ = std::make_unique<StoreWriter>(StoreWriterOptions(), *store_, Clock::Real());
    coordinator_ = *Coordinator::Open({}, *store_, checkpoints_, *writer_, Clock::Real());
    rpc_ = std::make_unique<RpcServer>(*store_, *writer_, *coordinator_);
    writer_->Start();
    ListenOptions listen;
    listen.address = "127.0.0.1:0";
    if (!rpc_->Start(listen).ok()) abort();
    channel = grpc::CreateChannel(rpc_->address(), grpc::InsecureChannelCredentials());
  }
  ~Server() {
    coordinator_->Drain();
    writer_->Stop(absl::Seconds(5));
    rpc_->Stop(absl::Seconds(2));
    coordinator_ = nullptr;
    store_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  // A study of `trials` runs that train nothing.
  void CreateStudy(int64_t trials) {
    v1::CreateStudyRequest request;
    v1::StudySpec& spec = *request.mutable_spec();
    spec.set_study(absl::StrCat("bench-", ++studies_));
    spec.mutable_training()->mutable_dataset()->set_name("none");
    spec.mutable_training()->set_epochs(0);
    spec.mutable_training()->mutable_bp();
    v1::Parameter& parameter = *spec.add_space();
    parameter.set_path("training.forward.lr");
    parameter.mutable_log()->set_low(1e-5);
    parameter.mutable_log()->set_high(1e-2);
    spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(trials);
    grpc::ClientContext context;
    v1::Study study;
    if (!v1::SweepService::NewStub(channel)->CreateStudy(&context, request, &study).ok()) abort();
  }

  std::shared_ptr<grpc::Channel> channel;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<SqliteStore> store_;
  MemoryCheckpoints checkpoints_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RpcServer> rpc_;
  int studies_ = 0;
};

v1::Measurement MakeMeasurement(int64_t sequence) {
  v1::Measurement measurement;
  measurement.set_sequence(sequence);
  measurement.set_step(sequence * 430);
  measurement.set_epoch(sequence);
  for (const char* name : {"train/loss", "train/error", "validation/loss", "validation/error",
                           "test/loss", "test/error", "feedback/loss", "samples_per_second"}) {
    (*measurement.mutable_scalars())[name] = 1.0 / static_cast<double>(sequence);
  }
  for (const char* name : {"layer/parameter_norm", "layer/update_norm", "layer/target_norm"}) {
    (*measurement.mutable_vectors())[name].mutable_values()->Resize(4, 0.5);
  }
  return measurement;
}

// A worker's stream after its greeting.
class Worker {
 public:
  Worker(const Server& server, int number)
      : stub_(v1::WorkerService::NewStub(server.channel)), stream_(stub_->Work(&context_)) {
    v1::WorkerMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(1);
    hello.set_worker_id(absl::StrCat("worker-", number));
    hello.set_incarnation("bench");
    hello.set_slots(kSlots);
    stream_->Write(message);
    v1::ServerMessage welcome;
    stream_->Read(&welcome);
  }
  ~Worker() {
    stream_->WritesDone();
    (void)stream_->Finish();
  }

  void Offer(int slots) {
    v1::WorkerMessage message;
    message.mutable_free_slots()->set_count(slots);
    stream_->Write(message);
  }
  // A report with one measurement, and the end, for every lease that comes.
  void RunAll(int runs) {
    v1::ServerMessage answer;
    v1::WorkerMessage message;
    Offer(kSlots);
    while (runs > 0 && stream_->Read(&answer)) {
      if (answer.has_lease()) {
        message.mutable_report()->set_attempt(answer.lease().attempt());
        *message.mutable_report()->add_measurements() = MakeMeasurement(1);
        stream_->Write(message);
        message.mutable_completion()->set_attempt(answer.lease().attempt());
        message.mutable_completion()->set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
        message.mutable_completion()->set_last_sequence(1);
        message.mutable_completion()->mutable_free_slots()->set_count(kSlots);
        stream_->Write(message);
      } else if (answer.ack().completed()) {
        --runs;
      }
    }
    Offer(0);
  }
  std::string TakeLease() {
    Offer(1);
    v1::ServerMessage answer;
    while (stream_->Read(&answer) && !answer.has_lease()) {
    }
    return answer.lease().attempt();
  }
  // Sends `count` reports of one measurement each; returns when all are durable.
  void Report(const std::string& attempt, int64_t first, int64_t count) {
    std::thread sender([&] {
      for (int64_t sequence = first; sequence < first + count; ++sequence) {
        v1::WorkerMessage message;
        message.mutable_report()->set_attempt(attempt);
        *message.mutable_report()->add_measurements() = MakeMeasurement(sequence);
        stream_->Write(message);
      }
    });
    v1::ServerMessage answer;
    while (answer.ack().durable_sequence() < first + count - 1 && stream_->Read(&answer)) {
    }
    sender.join();
  }

 private:
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::ServerMessage>> stream_;
};

// Each item: a lease, a measurement and a completion, all durable.
void LeaseCycle(benchmark::State& state) {
  constexpr int kRuns = 1024;
  Server server;
  Worker worker(server, 0);
  for (auto _ : state) {
    server.CreateStudy(kRuns);
    worker.RunAll(kRuns);
  }
  state.SetItemsProcessed(state.iterations() * kRuns);
}
BENCHMARK(LeaseCycle)
    ->Name("coordinator_lease_cycle/sqlite/slots:32")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void Measurements(benchmark::State& state) {
  constexpr int64_t kReports = 2000;
  const auto num_workers = static_cast<int>(state.range(0));
  Server server;
  server.CreateStudy(num_workers);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::string> attempts;
  for (int i = 0; i < num_workers; ++i) {
    workers.push_back(std::make_unique<Worker>(server, i));
    attempts.push_back(workers.back()->TakeLease());
  }
  int64_t first = 1;
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < workers.size(); ++i) {
      threads.emplace_back([&, i] { workers[i]->Report(attempts[i], first, kReports); });
    }
    for (std::thread& thread : threads) thread.join();
    first += kReports;
  }
  state.SetItemsProcessed(state.iterations() * kReports * num_workers);
}
BENCHMARK(Measurements)
    ->Name("coordinator_measurements/sqlite")
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(4)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace tpsweep::server

BENCHMARK_MAIN();
