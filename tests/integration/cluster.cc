#include "tests/integration/cluster.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <stdexcept>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/file.h"

namespace tpsweep {
namespace {

// A call that must succeed; the server may be starting.
template <class Request, class Response>
Response Call(v1::SweepService::Stub& service,
              grpc::Status (v1::SweepService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
              const Request& request) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  Response response;
  const grpc::Status status = (service.*method)(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(absl::StrCat("call failed: ", status.error_message()));
  return response;
}

using Service = v1::SweepService::Stub;

}  // namespace

Cluster::Cluster() {
  SyntheticOptions tiny;
  tiny.train = 1200;
  tiny.test = 60;
  tiny.side = 8;
  WriteSyntheticIdx(DataFolder() + "/tiny", tiny);
}

void Cluster::StartServer(std::vector<std::string> more_flags) {
  const std::string port_file = folder_.File("port");
  unlink(port_file.c_str());
  std::vector<std::string> flags = {"--listen",    address_.empty() ? "127.0.0.1:0" : address_,
                                    "--port-file", port_file,
                                    "--store",     store_};
  flags.insert(flags.end(), more_flags.begin(), more_flags.end());
  server_ = Start("server", "tpsweep-server", flags);
  std::string listens_at;
  const bool is_up = WaitUntil([&] {
    listens_at = ReadFile(port_file).value_or("");
    return !listens_at.empty() || !server_->is_running();
  });
  if (!is_up || !server_->is_running()) {
    throw std::runtime_error("the server did not start: " + server_->Errors());
  }
  const std::string address(absl::StripAsciiWhitespace(listens_at));
  Use(address, address);
  // On PostgreSQL it may have to wait for the lease of the one that was killed.
  WaitUntil([&] {
    grpc::ClientContext context;
    v1::ListStudiesResponse response;
    return service_->ListStudies(&context, v1::ListStudiesRequest(), &response).ok() ||
           !server_->is_running();
  });
}

void Cluster::Use(const std::string& address, const std::string& servers) {
  address_ = address;
  servers_ = servers;
  service_ = NewService();
}

std::unique_ptr<v1::SweepService::Stub> Cluster::NewService() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::SweepService::NewStub(
      grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments));
}

Process& Cluster::StartWorker(const std::string& name, int slots, const std::string& data) {
  workers_[name] = Start(name, "tpsweep-worker",
                         {"--server", servers_, "--name", name, "--slots", absl::StrCat(slots),
                          "--data", data.empty() ? DataFolder() : data, "--state",
                          folder_.File("worker-state"), "--log-level", "debug"},
                         run_workers_by_);
  return *workers_[name];
}

int64_t Cluster::TimesTakenUp(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(worker(name).Errors(), "attempt.taken_up");
  return static_cast<int64_t>(parts.size()) - 1;
}

std::unique_ptr<Process> Cluster::Start(const std::string& name, const std::string& program,
                                        const std::vector<std::string>& arguments,
                                        std::vector<std::string> run_by) {
  const char* const folder = std::getenv("TPSWEEP_BIN_DIR");
  if (folder == nullptr) throw std::runtime_error("TPSWEEP_BIN_DIR is not set: run it with ctest");
  std::vector<std::string> command = std::move(run_by);
  command.push_back(absl::StrCat(folder, "/", program));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(command, folder_.File(name));
}

v1::Study Cluster::Create(const v1::StudySpec& spec) {
  v1::CreateStudyRequest request;
  *request.mutable_spec() = spec;
  return Call(service(), &Service::CreateStudy, request);
}

v1::Study Cluster::Get(const std::string& study) {
  v1::GetStudyRequest request;
  request.set_name(study);
  return Call(service(), &Service::GetStudy, request);
}

void Cluster::Delete(const std::string& study) {
  v1::StudyRequest request;
  request.set_name(study);
  Call(service(), &Service::DeleteStudy, request);
}

std::vector<v1::Run> Cluster::Runs(const std::string& study) {
  v1::ListRunsRequest request;
  request.set_parent(study);
  request.set_page_size(1000);
  const v1::ListRunsResponse response = Call(service(), &Service::ListRuns, request);
  return {response.runs().begin(), response.runs().end()};
}

std::vector<v1::Trial> Cluster::Trials(const std::string& study) {
  v1::ListTrialsRequest request;
  request.set_study(study);
  request.set_page_size(1000);
  const v1::ListTrialsResponse response = Call(service(), &Service::ListTrials, request);
  return {response.trials().begin(), response.trials().end()};
}

std::vector<v1::MeasurementRecord> Cluster::Measurements(const std::string& parent,
                                                         bool all_attempts) {
  std::vector<v1::MeasurementRecord> all;
  v1::ListMeasurementsRequest request;
  request.set_parent(parent);
  request.set_page_size(1000);
  request.set_all_attempts(all_attempts);
  do {
    const v1::ListMeasurementsResponse page = Call(service(), &Service::ListMeasurements, request);
    all.insert(all.end(), page.measurements().begin(), page.measurements().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

std::vector<v1::Worker> Cluster::Workers() {
  const v1::ListWorkersResponse response =
      Call(service(), &Service::ListWorkers, v1::ListWorkersRequest());
  return {response.workers().begin(), response.workers().end()};
}

Reading Cluster::Read(const std::string& study) {
  Reading reading;
  reading.runs = Runs(study);
  reading.measurements = Measurements(study, /*all_attempts=*/true);
  return reading;
}

History Cluster::HistoryOf(const std::string& study, std::vector<Reading> readings) {
  History history;
  v1::WatchRequest request;
  request.set_study(study);
  request.set_until_study_ends(true);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto stream = service().Watch(&context, request);
  for (v1::Event event; stream->Read(&event);) history.events.push_back(event);
  if (const grpc::Status status = stream->Finish(); !status.ok()) {
    throw std::runtime_error(absl::StrCat("no events of ", study, ": ", status.error_message()));
  }
  history.readings = std::move(readings);
  history.readings.push_back(Read(study));
  history.story = Measurements(study);
  for (const auto& [name, worker] : workers_) {
    for (Acknowledgement& heard : AcknowledgementsIn(name, worker->Errors())) {
      if (absl::StartsWith(heard.attempt, study + "/")) history.heard.push_back(std::move(heard));
    }
  }
  return history;
}

v1::Study Cluster::WaitForEnd(const std::string& name, absl::Duration limit) {
  v1::Study study;
  const bool has_ended = WaitUntil(
      [&] {
        study = Get(name);
        return study.state() == v1::STUDY_STATE_COMPLETED;
      },
      limit);
  EXPECT_TRUE(has_ended) << study.ShortDebugString();
  for (const v1::Run& run : Runs(name)) {
    EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.ShortDebugString();
  }
  return study;
}

v1::Run Cluster::WaitForRunning(const std::string& study, int64_t measurements) {
  v1::Run running;
  const bool is_running = WaitUntil([&] {
    for (const v1::Run& run : Runs(study)) {
      if (run.state() == v1::RUN_STATE_RUNNING && run.latest().sequence() >= measurements) {
        running = run;
        return true;
      }
    }
    return false;
  });
  if (!is_running) {
    std::string report =
        absl::StrCat("no run of ", study, " got going: ", Get(study).ShortDebugString(),
                     "; server: ", server_ == nullptr ? "" : server_->Errors());
    for (const v1::Run& run : Runs(study)) absl::StrAppend(&report, "; ", run.ShortDebugString());
    for (const auto& [name, worker] : workers_) {
      absl::StrAppend(&report, "; ", name, ": ", worker->Errors());
    }
    throw std::runtime_error(report);
  }
  return running;
}

std::map<std::string, RunNumbers> Cluster::Undisturbed(v1::StudySpec spec, absl::Duration limit) {
  spec.set_study("undisturbed");
  return Numbers(WaitForEnd(Create(spec).name(), limit).name());
}

std::map<std::string, RunNumbers> Cluster::Numbers(const std::string& study) {
  std::map<std::string, RunNumbers> numbers;
  for (const v1::MeasurementRecord& record : Measurements(study)) {
    const std::string run = record.attempt().substr(0, record.attempt().find("/attempts/"));
    RunNumbers& of_run = numbers[std::string(absl::StripPrefix(run, study))];
    const v1::Measurement& measurement = record.measurement();
    const auto add = [&](const std::string& name, double value) {
      const bool is_first =
          of_run.insert({{measurement.sequence(), name}, NumberText(value)}).second;
      EXPECT_TRUE(is_first) << run << " has " << name << " of one measurement twice";
    };
    for (const auto& [name, value] : measurement.scalars()) {
      if (IsReproducible(name)) add(name, value);
    }
    for (const auto& [name, vector] : measurement.vectors()) {
      for (int i = 0; i < vector.values_size(); ++i) {
        add(absl::StrCat(name, "[", i, "]"), vector.values(i));
      }
    }
  }
  return numbers;
}

int FromEnvironment(const char* name, int otherwise) {
  int value = 0;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

std::string NumberText(double value) { return absl::StrFormat("%.17g", value); }

bool IsReproducible(const std::string& metric) { return !absl::StrContains(metric, "second"); }

std::vector<std::string> Cluster::Decisions(const std::string& study) {
  std::vector<std::string> decisions;
  for (const v1::Trial& trial : Trials(study)) {
    std::string line;
    for (const v1::Assignment& parameter : trial.parameters()) {
      absl::StrAppend(&line, NumberText(parameter.value().number_value()), " ");
    }
    decisions.push_back(absl::StrCat(line, trial.fork().ShortDebugString(), " to epoch ",
                                     trial.epochs(), ": ", NumberText(trial.objective()), ", ",
                                     v1::TrialState_Name(trial.state())));
  }
  return decisions;
}

v1::StudySpec LongStudy(const std::string& name, std::vector<double> learning_rates) {
  v1::StudySpec spec;
  spec.set_study(name);
  v1::TrainingSpec& training = *spec.mutable_training();
  training.mutable_dataset()->set_name("tiny");
  training.mutable_dataset()->set_validation(50);
  training.mutable_network()->add_hidden(96);
  training.mutable_network()->add_hidden(96);
  training.mutable_dtp()->set_sigma(0.1);
  training.set_batch_size(10);
  training.set_epochs(500);
  v1::Parameter& parameter = *spec.add_space();
  parameter.set_path("training.forward.lr");
  for (const double rate : learning_rates) {
    parameter.mutable_choice()->add_values()->set_number_value(rate);
  }
  spec.mutable_search()->mutable_sampler()->mutable_grid();
  return spec;
}

}  // namespace tpsweep
