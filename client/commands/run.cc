#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/results.h"
#include "client/commands/spec_flags.h"
#include "client/data_sets.h"
#include "client/fetch_results.h"
#include "client/follow.h"
#include "client/interrupt.h"
#include "client/local_service.h"
#include "client/values.h"
#include "common/spec/arms.h"
#include "common/spec/objective_checks.h"
#include "common/status_macros.h"
#include "common/training/data_search_path.h"

namespace tpsweep::client {
namespace {

struct RunFlags {
  SpecSource source;
  std::string dir;
  int workers = 0;  // 0: chosen by the machine
  int slots = 0;
  std::vector<std::string> data_path;
  ResultsView view;
};

// Two workers, so that losing one costs half; together they fill the cores. A single run
// gets all of them, as threads.
LocalServiceOptions ServiceOptions(const Session& session, const RunFlags& flags,
                                   const v1::StudySpec& spec) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int threads = std::max(1, spec.training().threads_per_run());
  LocalServiceOptions options;
  options.bin_dir = session.bin_dir;
  options.dir = flags.dir.empty() ? absl::StrCat(session.state_dir, "/run") : flags.dir;
  const int wanted = spec::ExpectedRuns(spec) == 1 ? 1 : std::min(2, cores);
  options.workers = flags.workers > 0 ? flags.workers : wanted;
  options.slots = flags.slots > 0 ? flags.slots : std::max(1, cores / (options.workers * threads));
  options.data_path = flags.data_path;
  return options;
}

// The key makes the same spec in the same folder the same study: a second `run`
// goes on where the first one stopped.
absl::StatusOr<v1::Study> Submit(Connection& connection, const v1::StudySpec& spec,
                                 const std::string& dir) {
  v1::CreateStudyRequest request;
  *request.mutable_spec() = spec;
  request.set_idempotency_key(absl::StrCat("run-", SpecDigest(spec)));
  absl::StatusOr<v1::Study> study = connection.Call(&Connection::Stub::CreateStudy, request);
  if (absl::IsAlreadyExists(study.status())) {
    return absl::AlreadyExistsError(absl::StrCat(
        dir, " has a study ", spec.study(),
        " already, and its spec is another one (was the file edited, or run with other --set, "
        "--space or --replicates?): run this one under another name (--name NEW) or in another "
        "folder (--dir DIR), or delete the old study: start "
        "tpsweep-server --store ",
        dir, "/tpsweep.db, then tpsweep delete ", spec.study()));
  }
  if (!study.ok() || study->state() != v1::STUDY_STATE_PAUSED) return study;
  v1::StudyRequest resume;
  resume.set_name(study->name());
  return connection.Call(&Connection::Stub::ResumeStudy, resume);
}

void SayWhatRuns(const Session& session, const v1::Study& study, const LocalService& service,
                 const LocalServiceOptions& options) {
  const std::string name = BareName(study.name());
  const int64_t ended = EndedRuns(study.runs());
  session.Say(absl::StrCat("study    ", name, ": ", SizeText(study.spec(), study.expected_runs()),
                           ended > 0 ? absl::StrCat(", ", ended, " done before") : ""));
  session.Say(absl::StrCat("workers  ", options.workers, " with ", options.slots,
                           options.slots == 1 ? " slot" : " slots", " each"));
  session.Say(absl::StrCat("server   ", service.address(),
                           "  (look from elsewhere: tpsweep --server ", service.address(), " show ",
                           name, ")"));
  session.Say(absl::StrCat("folder   ", options.dir, "  (store and logs)"));
}

absl::StatusOr<v1::Study> TrainToEnd(Session& session, Connection& connection,
                                     LocalService& service, const Interrupt& interrupt,
                                     const v1::Study& study) {
  TP_RETURN_IF_ERROR(service.StartWorkers());
  Progress progress = session.MakeProgress();
  const auto note = [&](absl::string_view line) { progress.Note(line); };
  absl::StatusOr<v1::Study> ended =
      FollowStudy(connection, study, interrupt, progress, session.clock,
                  [&] { return service.Supervise(note); });
  progress.Finish();
  if (absl::IsCancelled(ended.status())) session.Say("stopping the workers and the server ...");
  return ended;
}

// What stopped a run does not end its study.
absl::Status WithRemedy(const absl::Status& status) {
  if (!absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status)) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(),
                                   "; what is done is kept: the same command goes on from there"));
}

absl::StatusOr<ExitStatus> Run(Session& session, const RunFlags& flags) {
  if (const absl::Status status = Check(flags.view, session.format); !status.ok()) {
    session.err << "tpsweep: " << status.message() << "\n";
    return ExitStatus::kUsage;
  }
  TP_ASSIGN_OR_RETURN(const v1::StudySpec spec, LoadStudy(flags.source));
  TP_RETURN_IF_ERROR(CheckDataSets(spec, DataSearchPath(flags.data_path, session.data_folders)));
  const LocalServiceOptions options = ServiceOptions(session, flags, spec);
  const Interrupt interrupt;
  TP_ASSIGN_OR_RETURN(const auto service, LocalService::Start(options, interrupt, session.clock));
  TP_ASSIGN_OR_RETURN(auto connection, Connection::Open({.server = service->address(),
                                                         .timeout = session.connection.timeout},
                                                        session.clock));
  TP_ASSIGN_OR_RETURN(v1::Study study, Submit(*connection, spec, options.dir));
  for (const std::string& remark : spec::Remarks(spec)) session.Say("note: " + remark);
  SayWhatRuns(session, study, *service, options);
  if (!HasEnded(study.state())) {
    absl::StatusOr<v1::Study> ended = TrainToEnd(session, *connection, *service, interrupt, study);
    if (!ended.ok()) return WithRemedy(ended.status());
    study = *std::move(ended);
  }
  TP_ASSIGN_OR_RETURN(const StudyResults results,
                      FetchResults(*connection, study.name(), flags.view.has_history));
  connection.reset();  // a server waits a while for a client that is connected
  service->Stop();
  TP_RETURN_IF_ERROR(PrintResults(results, flags.view, session.format, session.out));
  return ToExitStatus(study);
}

}  // namespace

void AddRun(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand(
      "run", "Do a whole sweep on this machine: server, workers, progress, results");
  auto flags = std::make_shared<RunFlags>();
  AddSpecFlags(*sub, flags->source);
  AddNameFlag(*sub, flags->source);
  sub->add_option(
      "--dir", flags->dir,
      "Folder of the store and the logs; default: tpsweep/run in the user's state folder");
  sub->add_option("--workers", flags->workers,
                  "Worker processes; default: 2, or 1 on one core or for a single run")
      ->check(CLI::Range(1, 256));
  sub->add_option("--slots", flags->slots,
                  "Runs at a time on each worker; default: what fills the cores")
      ->check(CLI::Range(1, 1024));
  sub->add_option("--data", flags->data_path,
                  "Folder with data sets, instead of TPSWEEP_DATA; may be repeated")
      ->allow_extra_args(false);
  AddResultsFlags(*sub, flags->view);
  sub->callback(
      [&chosen, flags] { chosen = [flags](Session& session) { return Run(session, *flags); }; });
}

}  // namespace tpsweep::client
