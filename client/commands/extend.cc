// More work for what has ended: extend, retry.
#include <memory>

#include "client/commands/commands.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct ExtendFlags {
  std::string name;
  int64_t epochs = 0;
  int64_t trials = 0;
  v1::Budget budget;
  bool has_budget = false;
};

absl::StatusOr<ExitStatus> Extend(Session& session, const ExtendFlags& flags) {
  const std::string name = ResourceOf(flags.name);
  const bool is_trial = name.find("/trials/") != std::string::npos;
  const bool has_more = flags.trials > 0 || flags.has_budget;
  if (is_trial ? flags.epochs == 0 || has_more : flags.epochs > 0 || !has_more) {
    session.err << "tpsweep: "
                << (is_trial ? "a trial is extended by --epochs, and nothing else\n"
                             : "a study is extended by --trials or a --budget...; "
                               "for more epochs name the trial: STUDY/3\n");
    return ExitStatus::kUsage;
  }
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  if (is_trial) {
    v1::ExtendTrialRequest request;
    request.set_name(name);
    request.set_epochs(flags.epochs);
    TP_ASSIGN_OR_RETURN(const v1::Study study,
                        connection->Call(&Connection::Stub::ExtendTrial, request));
    return PrintChanged(session, study);
  }
  v1::ExtendStudyRequest request;
  request.set_name(name);
  request.set_trials(flags.trials);
  if (flags.has_budget) *request.mutable_budget() = flags.budget;
  TP_ASSIGN_OR_RETURN(const v1::Study study,
                      connection->Call(&Connection::Stub::ExtendStudy, request));
  return PrintChanged(session, study);
}

absl::StatusOr<ExitStatus> Retry(Session& session, const std::string& name) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::RetryRunsRequest request;
  request.set_name(ResourceOf(name));
  TP_ASSIGN_OR_RETURN(const v1::Study study,
                      connection->Call(&Connection::Stub::RetryRuns, request));
  return PrintChanged(session, study);
}

}  // namespace

void AddExtend(CLI::App& app, Command& chosen) {
  CLI::App* extend =
      app.add_subcommand("extend", "Give a trial more epochs, or a study more trials or budget");
  auto flags = std::make_shared<ExtendFlags>();
  extend->add_option("NAME", flags->name, "A study, or a trial: STUDY/3")->required();
  extend->add_option("--epochs", flags->epochs, "Of a trial: train its runs to so many")
      ->check(CLI::PositiveNumber);
  extend->add_option("--trials", flags->trials, "Of a study: trials of its sampler from now on")
      ->check(CLI::PositiveNumber);
  const auto add_budget = [&](const char* flag, const char* help, auto set) {
    extend
        ->add_option_function<double>(
            flag,
            [flags, set](double value) {
              set(flags->budget, value);
              flags->has_budget = true;
            },
            help)
        ->check(CLI::NonNegativeNumber);
  };
  add_budget(
      "--budget-trials", "Of a study: budget.trials from now on; 0: no limit",
      [](v1::Budget& budget, double value) { budget.set_trials(static_cast<int64_t>(value)); });
  add_budget(
      "--budget-epochs", "Of a study: budget.epochs from now on; 0: no limit",
      [](v1::Budget& budget, double value) { budget.set_epochs(static_cast<int64_t>(value)); });
  add_budget("--budget-core-seconds", "Of a study: budget.core_seconds from now on; 0: no limit",
             [](v1::Budget& budget, double value) { budget.set_core_seconds(value); });
  add_budget("--budget-wall-seconds", "Of a study: budget.wall_seconds from now on; 0: no limit",
             [](v1::Budget& budget, double value) { budget.set_wall_seconds(value); });
  extend->callback(
      [&chosen, flags] { chosen = [flags](Session& session) { return Extend(session, *flags); }; });

  CLI::App* retry = app.add_subcommand("retry", "Try what has failed again");
  auto name = std::make_shared<std::string>();
  retry->add_option("NAME", *name, "A study, a trial (STUDY/3) or a run (STUDY/3/0)")->required();
  // There is nothing else to try again; said all the same by people who know other tools.
  retry->add_flag_callback(
      "--failed", [] {}, "What has FAILED: the default");
  retry->callback(
      [&chosen, name] { chosen = [name](Session& session) { return Retry(session, *name); }; });
}

}  // namespace tpsweep::client
