#include "client/importance.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/fetch_results.h"
#include "client/importance_view.h"
#include "client/values.h"
#include "common/file.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct ImportanceFlags {
  std::string study;
  std::string metric;
  std::string svg;
};

absl::StatusOr<ExitStatus> ShowImportance(Session& session, const ImportanceFlags& flags) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  TP_ASSIGN_OR_RETURN(
      const StudyResults results,
      FetchResults(*connection, StudyResource(flags.study), /*with_history=*/false));
  TP_ASSIGN_OR_RETURN(const StudyImportance importance, ImportanceOf(results, flags.metric));
  if (!flags.svg.empty()) {
    TP_RETURN_IF_ERROR(WriteFileAtomically(flags.svg, ImportanceSvg(importance)));
    session.Say(absl::StrCat("written: ", flags.svg));
  }
  PrintImportance(importance, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddImportance(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("importance", "Which hyperparameters of a study matter");
  auto flags = std::make_shared<ImportanceFlags>();
  sub->add_option("STUDY", flags->study, "Name of the study")->required();
  sub->add_option("--metric", flags->metric, "For what they matter (default: the objective)")
      ->type_name("METRIC");
  sub->add_option("--svg", flags->svg, "Also draw them")->type_name("FILE");
  sub->callback([&chosen, flags] {
    chosen = [flags](Session& session) { return ShowImportance(session, *flags); };
  });
}

}  // namespace tpsweep::client
