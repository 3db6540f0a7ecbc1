// A server and workers as real processes on this machine's loopback, with a
// store and small data sets in a folder of their own; the test is the client.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/fakes/process.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/integration/history.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"

namespace tpsweep {

// What one run reported, without what tells of time: (sequence, name) to the
// number in full, as text, so that not-a-number equals itself. Element i of a
// vector is called name[i].
using RunNumbers = std::map<std::pair<int64_t, std::string>, std::string>;
std::string NumberText(double value);

class Cluster {
 public:
  Cluster();

  // Servers that are started from now on have this store: the URI of a database.
  void StoreIn(const std::string& store) { store_ = store; }
  // Starts the server, again under its old address if there was one before, and
  // waits until it listens.
  void StartServer(std::vector<std::string> more_flags = {"--lease-ttl", "2s"});
  Process& server() { return *server_; }
  const std::string& address() const { return address_; }
  // Instead: the test has started servers by itself. Its calls go to the one at `address`,
  // and workers get `servers`.
  void Use(const std::string& address, const std::string& servers);

  // Workers that are started from now on are run by this command: on another network, say.
  void RunWorkersBy(std::vector<std::string> command) { run_workers_by_ = std::move(command); }
  // With the data set `tiny`, unless `data` names another folder.
  Process& StartWorker(const std::string& name, int slots = 1, const std::string& data = "");
  Process& worker(const std::string& name) { return *workers_.at(name); }
  // How often processes of this worker have taken up an attempt of one that was killed.
  int64_t TimesTakenUp(const std::string& name);
  // Any of the three programs, with its output in files of that name.
  std::unique_ptr<Process> Start(const std::string& name, const std::string& program,
                                 const std::vector<std::string>& arguments,
                                 std::vector<std::string> run_by = {});

  // --- as a client
  v1::SweepService::Stub& service() { return *service_; }
  std::unique_ptr<v1::SweepService::Stub> NewService() const;
  // Ends the test on a spec that is refused.
  v1::Study Create(const v1::StudySpec& spec);
  v1::Study Get(const std::string& study);
  void Delete(const std::string& study);
  std::vector<v1::Run> Runs(const std::string& study);
  std::vector<v1::Trial> Trials(const std::string& study);
  std::vector<v1::MeasurementRecord> Measurements(const std::string& parent,
                                                  bool all_attempts = false);
  std::vector<v1::Worker> Workers();
  // What is there of a study now; and all that is known of one that has ended, after
  // `readings` on the way.
  Reading Read(const std::string& study);
  History HistoryOf(const std::string& study, std::vector<Reading> readings = {});
  // Waits until the study has ended. All its runs have succeeded, or the test fails.
  v1::Study WaitForEnd(const std::string& study, absl::Duration limit = absl::Seconds(60));
  // Waits until some run of the study is in the middle of its training: it has
  // reported `measurements` or more.
  v1::Run WaitForRunning(const std::string& study, int64_t measurements = 3);
  // All numbers of a study by run (studies/ and name cut off): what must not
  // depend on what went wrong on the way.
  std::map<std::string, RunNumbers> Numbers(const std::string& study);
  // Those of `spec` when nothing goes wrong: trained now, as a study of another name.
  std::map<std::string, RunNumbers> Undisturbed(v1::StudySpec spec,
                                                absl::Duration limit = absl::Seconds(60));

  // What was decided of each trial of a study: its parameters, which are numbers, where it
  // comes from, how far it got, and its worth.
  std::vector<std::string> Decisions(const std::string& study);

  const std::string& folder() const { return folder_.path(); }
  std::string DataFolder() const { return folder_.File("data"); }

 private:
  TempFolder folder_;
  std::string store_ = folder_.File("store.sqlite");
  std::string address_;
  std::string servers_;  // for workers
  std::vector<std::string> run_workers_by_;
  std::unique_ptr<v1::SweepService::Stub> service_;
  std::unique_ptr<Process> server_;
  std::map<std::string, std::unique_ptr<Process>> workers_;
};

// The study of most tests: for each of `learning_rates` one run of about two
// seconds, so that there is a middle in which to disturb it.
v1::StudySpec LongStudy(const std::string& name, std::vector<double> learning_rates = {0.01});

// A number of the environment, by which a test has a long form.
int FromEnvironment(const char* name, int otherwise);

// Whether a scalar is the same whenever the run is trained again.
bool IsReproducible(const std::string& metric);

}  // namespace tpsweep
