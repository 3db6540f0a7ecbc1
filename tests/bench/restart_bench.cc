// How long a killed tpsweep-server takes to be back on a large store, and how much memory it
// takes then: the table of docs/benchmarks.md.
//
//   restart_bench [TRIALS]      default 100000, with 100 measurements each
//
// For each of two studies, neither of which has ended, a store is filled through the Store
// interface, and the server that stands beside this program is started on it: first with
// nothing of the file in the memory of the operating system, then with all that was read
// before. TMPDIR chooses the disk, which needs about 60 kB a trial.
#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/names.h"
#include "common/random.h"
#include "common/sha256.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "server/store/folder_checkpoints.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/process.h"
#include "tests/fakes/store_records.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::server {
namespace {

constexpr char kStudy[] = "large";
constexpr int64_t kRunning = 8;  // the last trials, leased when the server died
constexpr size_t kMeasurementsOfCommit = 20'000;

// A study, and how far its trials have got.
struct Sweep {
  const char* what;
  std::vector<int64_t> stops;  // epochs where trials are compared; the last one is their end
  bool has_scheduler;
};

// With asha one trial in three goes on to three times as many epochs: 100 on average.
std::vector<Sweep> Sweeps() {
  return {{"tpe, asha", {33, 99, 297, 891}, true}, {"random, no scheduler", {100}, false}};
}

v1::StudySpec SpecOf(const Sweep& sweep, int64_t trials) {
  v1::StudySpec spec;
  spec.set_study(kStudy);
  v1::TrainingSpec& training = *spec.mutable_training();
  training.mutable_dataset()->set_name("mnist");
  training.set_epochs(static_cast<int32_t>(sweep.stops.back()));
  training.mutable_dtp();
  for (const char* path :
       {"training.forward.lr", "training.feedback.lr", "training.rule.dtp.sigma"}) {
    v1::Parameter& parameter = *spec.add_space();
    parameter.set_path(path);
    parameter.mutable_log()->set_low(1e-5);
    parameter.mutable_log()->set_high(1e-1);
  }
  v1::Parameter& batch = *spec.add_space();
  batch.set_path("training.batch_size");
  for (const double size : {32, 64, 128, 256}) {
    batch.mutable_choice()->add_values()->set_number_value(size);
  }
  v1::Sampler& sampler = *spec.mutable_search()->mutable_sampler();
  if (sweep.has_scheduler) {
    sampler.mutable_tpe()->set_trials(2 * trials);
    v1::AshaScheduler& asha = *spec.mutable_search()->mutable_scheduler()->mutable_asha();
    asha.set_first_epoch(sweep.stops.front());
    asha.set_eta(3);
  } else {
    sampler.mutable_random()->set_trials(2 * trials);
  }
  return spec;
}

// The records of one study, as the server would have written them.
class Filler {
 public:
  // `checkpoints`: a folder.
  Filler(const Sweep& sweep, int64_t trials, Store& store, std::string checkpoints)
      : sweep_(sweep),
        trials_(trials),
        ended_(trials - kRunning),
        store_(store),
        checkpoints_(std::move(checkpoints)) {}

  absl::Status Fill() {
    v1::Study study = MakeStudy(kStudy);
    *study.mutable_spec() = SpecOf(sweep_, trials_);
    TP_RETURN_IF_ERROR(spec::Complete(*study.mutable_spec()));
    study.set_expected_runs(2 * trials_);
    study.mutable_runs()->set_running(trials_ - ended_);
    spec_ = study.spec();
    std::filesystem::create_directories(absl::StrCat(checkpoints_, "/", kStudy));
    batch_.studies = {study};
    for (int64_t number = 0; number < trials_; ++number) {
      AddTrial(number);
      if (batch_.measurements.size() >= kMeasurementsOfCommit) TP_RETURN_IF_ERROR(Commit());
    }
    TP_RETURN_IF_ERROR(Commit());
    TP_ASSIGN_OR_RETURN(const auto folder, FolderCheckpoints::Open(checkpoints_));
    TP_ASSIGN_OR_RETURN(const auto stored, folder->List());
    if (stored.size() == num_checkpoints_) return absl::OkStatus();
    return absl::InternalError("the checkpoints are not where the server looks for them");
  }

  int64_t measurements() const { return measurements_; }

 private:
  // 0 is the best trial. A permutation, so that good trials come at all times.
  int64_t PlaceOf(int64_t number) const {
    constexpr int64_t kPrime = 1'000'003;
    return number * kPrime % ended_;
  }
  // How many stops the trial came to.
  size_t StopsOf(int64_t number) const {
    size_t stops = 1;
    int64_t at_stop = ended_;
    while (stops < sweep_.stops.size() && PlaceOf(number) < (at_stop /= 3)) ++stops;
    return stops;
  }
  double ErrorOf(int64_t number, int64_t epoch) const {
    return 0.1 + static_cast<double>(PlaceOf(number)) / static_cast<double>(ended_) +
           1 / static_cast<double>(epoch);
  }

  void AddTrial(int64_t number) {
    const bool is_running = number >= ended_;
    const size_t stops = is_running ? 0 : StopsOf(number);
    const bool is_at_end = stops == sweep_.stops.size();
    v1::Trial trial;
    trial.set_name(ToString(TrialName{kStudy, number}));
    trial.set_number(number);
    trial.set_state(is_at_end ? v1::TRIAL_STATE_SUCCEEDED : v1::TRIAL_STATE_ACTIVE);
    RandomStream random(static_cast<uint64_t>(number));
    for (const v1::Parameter& parameter : spec_.space()) {
      v1::Assignment& assignment = *trial.add_parameters();
      assignment.set_path(parameter.path());
      if (parameter.has_choice()) {
        *assignment.mutable_value() =
            parameter.choice().values(static_cast<int>(random.NextBelow(4)));
      } else {
        const double exponent = -5 + 4e-6 * static_cast<double>(random.NextBelow(1'000'000));
        assignment.mutable_value()->set_number_value(std::pow(10, exponent));
      }
    }
    trial.set_source(sweep_.has_scheduler ? "tpe" : "random");
    trial.set_epochs(sweep_.stops[is_running ? 0 : stops - 1]);
    trial.set_replicates(1);
    v1::Run run = MakeRun(kStudy, number, 0, v1::RUN_STATE_RUNNING);
    run.set_seed(spec::RunSeed(spec_.search().seed(), number, 0));
    run.set_worker("worker-1");
    int64_t epoch = 0;
    for (size_t stop = 0; stop < stops; ++stop) {
      const int64_t until = sweep_.stops[stop];
      AddAttempt(run, epoch, until,
                 stop + 1 == sweep_.stops.size() ? v1::ATTEMPT_OUTCOME_COMPLETED
                                                 : v1::ATTEMPT_OUTCOME_PAUSED);
      epoch = until;
      v1::Rung& rung = *trial.add_rungs();
      rung.set_epochs(epoch);
      rung.add_values(ErrorOf(number, epoch));
      trial.set_objective(rung.values(0));
    }
    trial.set_core_seconds(static_cast<double>(epoch));
    if (is_running) {
      AddAttempt(run, 0, sweep_.stops.front() / 2, v1::ATTEMPT_OUTCOME_UNSPECIFIED);
    } else if (is_at_end) {
      run.set_state(v1::RUN_STATE_SUCCEEDED);
    } else {
      run.set_state(v1::RUN_STATE_PAUSED);
      run.set_message(absl::StrCat("waits after epoch ", epoch));
      AddCheckpoint(run, epoch);
    }
    batch_.trials.push_back(std::move(trial));
    batch_.events.push_back(MakeEvent(number + 1, "run.leased", run.name()));
    *batch_.events.back().mutable_run() = run;
    batch_.runs.push_back(std::move(run));
  }

  // The next attempt of the run, which measured the epochs after `from` up to `until`.
  void AddAttempt(v1::Run& run, int64_t from, int64_t until, v1::AttemptOutcome outcome) {
    run.set_attempt(run.attempt() + 1);
    v1::Attempt attempt = MakeAttempt(kStudy, run.trial(), 0, run.attempt(), outcome);
    attempt.set_start_sequence(from);
    attempt.set_start_epoch(from);
    for (int64_t sequence = from + 1; sequence <= until; ++sequence) {
      batch_.measurements.push_back(MakeMeasurement(attempt, sequence));
      v1::Measurement& measurement = *batch_.measurements.back().mutable_measurement();
      (*measurement.mutable_scalars())["validation/error"] = ErrorOf(run.trial(), sequence);
      if (sequence == until) *run.mutable_latest() = measurement;
    }
    measurements_ += until - from;
    batch_.attempts.push_back(std::move(attempt));
  }

  // With which the run waits. A file as FolderCheckpoints has it, but not flushed, and with few
  // bytes: nobody reads them.
  void AddCheckpoint(v1::Run& run, int64_t epoch) {
    const std::string& bytes = run.name();
    v1::Checkpoint& checkpoint = *run.add_checkpoints();
    checkpoint.set_number(1);
    checkpoint.set_attempt(run.attempt());
    checkpoint.set_epoch(epoch);
    checkpoint.set_sequence(epoch);
    checkpoint.set_bytes(static_cast<int64_t>(bytes.size()));
    checkpoint.set_sha256(Sha256Hex(bytes));
    *checkpoint.mutable_latest() = run.latest();
    std::ofstream(absl::StrCat(checkpoints_, "/", kStudy, "/", run.trial(), "-0-",
                               checkpoint.sha256(), ".safetensors"))
        << bytes;
    ++num_checkpoints_;
  }

  absl::Status Commit() {
    TP_RETURN_IF_ERROR(store_.Commit({&batch_, 1}));
    batch_ = {};
    return absl::OkStatus();
  }

  const Sweep& sweep_;
  const int64_t trials_;
  const int64_t ended_;  // those that are not running
  Store& store_;
  const std::string checkpoints_;
  v1::StudySpec spec_;
  WriteBatch batch_;
  int64_t measurements_ = 0;
  size_t num_checkpoints_ = 0;
};

double SecondsSince(absl::Duration start) {
  return absl::ToDoubleSeconds(Clock::Real().Elapsed() - start);
}

// The operating system forgets what it holds of the file.
void DropFromMemory(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

// Whether a worker without leases gets one.
bool GetsLease(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = v1::WorkerService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Work(&context);
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(1);
  hello.set_worker_id("another");
  hello.set_incarnation("another");
  hello.set_slots(1);
  hello.add_datasets("mnist");
  stream->Write(message);
  message.mutable_free_slots()->set_count(1);
  stream->Write(message);
  v1::ServerMessage answer;
  while (!answer.has_lease() && stream->Read(&answer)) {
  }
  context.TryCancel();
  (void)stream->Finish();
  return answer.has_lease();
}

absl::Status Start(const std::string& store, const std::string& folder, const char* how) {
  const std::string program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tpsweep-server").string();
  const std::string port_file = folder + "/port";
  std::filesystem::remove(port_file);
  const absl::Duration start = Clock::Real().Elapsed();
  Process server({program, "--listen", "127.0.0.1:0", "--store", store, "--port-file", port_file},
                 folder + "/server");
  std::string address;
  WaitUntil(
      [&] {
        address = ReadFile(port_file).value_or("");
        return !address.empty() || !server.is_running();
      },
      absl::Minutes(10));
  if (address.empty()) return absl::InternalError("the server did not start: " + server.Errors());
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  v1::GetStudyRequest request;
  request.set_name(absl::StrCat("studies/", kStudy));
  v1::Study study;
  const grpc::Status got = v1::SweepService::NewStub(channel)->GetStudy(&context, request, &study);
  if (!got.ok()) return absl::InternalError(got.error_message());
  const double to_call = SecondsSince(start);
  const double processor = absl::ToDoubleSeconds(server.ProcessorTime());
  const int64_t memory = server.ResidentMemory();
  if (!GetsLease(channel)) return absl::InternalError("no lease: " + server.Errors());
  std::printf(
      "  %s: answers after %.2f s (%.2f s of processor time), first lease after %.2f s, "
      "%lld MB resident\n",
      how, to_call, processor, SecondsSince(start), static_cast<long long>(memory >> 20));
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Measure(const Sweep& sweep, int64_t trials) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  {
    TP_ASSIGN_OR_RETURN(const auto store, SqliteStore::Open(path));
    Filler filler(sweep, trials, *store, path + ".checkpoints");
    TP_RETURN_IF_ERROR(filler.Fill());
    std::printf("%s: %lld trials, %lld measurements, %lld MB\n", sweep.what,
                static_cast<long long>(trials), static_cast<long long>(filler.measurements()),
                static_cast<long long>(std::filesystem::file_size(path) >> 20));
    std::fflush(stdout);
  }
  DropFromMemory(path);
  TP_RETURN_IF_ERROR(Start(path, folder.path(), "from disk"));
  return Start(path, folder.path(), "once more");
}

int Main(int argc, char** argv) {
  int64_t trials = 100'000;
  if (argc > 2 || (argc == 2 && (!absl::SimpleAtoi(argv[1], &trials) || trials <= kRunning))) {
    std::fprintf(stderr, "usage: restart_bench [TRIALS]; more than %lld\n",
                 static_cast<long long>(kRunning));
    return 2;
  }
  for (const Sweep& sweep : Sweeps()) {
    if (const absl::Status status = Measure(sweep, trials); !status.ok()) {
      std::fprintf(stderr, "restart_bench: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace tpsweep::server

int main(int argc, char** argv) { return tpsweep::server::Main(argc, argv); }
