#include "client/commands/results.h"

#include <memory>

#include "client/commands/commands.h"
#include "client/fetch_results.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct ResultsFlags {
  std::string study;
  ResultsView view;
};

absl::StatusOr<ExitStatus> Results(Session& session, const ResultsFlags& flags) {
  if (const absl::Status status = Check(flags.view, session.format); !status.ok()) {
    session.err << "tpsweep: " << status.message() << "\n";
    return ExitStatus::kUsage;
  }
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  TP_ASSIGN_OR_RETURN(
      const StudyResults results,
      FetchResults(*connection, StudyResource(flags.study), flags.view.has_history));
  TP_RETURN_IF_ERROR(PrintResults(results, flags.view, session.format, session.out));
  return ExitStatus::kDone;
}

}  // namespace

void AddResultsFlags(CLI::App& sub, ResultsView& view) {
  sub.add_flag("--runs", view.has_runs, "A line for each run instead of each trial");
  sub.add_flag("--history", view.has_history,
               "A line for each epoch; with -o json every epoch of every run");
  sub.add_option("--by", view.by,
                 "Also the best trial for each value of this parameter (training.rule)");
}

void AddResults(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("results", "Print what a study has found");
  auto flags = std::make_shared<ResultsFlags>();
  sub->add_option("STUDY", flags->study, "Name of the study")->required();
  AddResultsFlags(*sub, flags->view);
  sub->callback([&chosen, flags] {
    chosen = [flags](Session& session) { return Results(session, *flags); };
  });
}

}  // namespace tpsweep::client
