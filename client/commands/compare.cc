#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/comparison.h"
#include "client/comparison_view.h"
#include "client/fetch_results.h"
#include "client/values.h"
#include "common/file.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct CompareFlags {
  std::vector<std::string> studies;
  ComparisonOptions options;
  std::string svg;
};

absl::StatusOr<ExitStatus> CompareStudies(Session& session, const CompareFlags& flags) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  std::vector<StudyResults> studies;
  for (const std::string& study : flags.studies) {
    TP_ASSIGN_OR_RETURN(StudyResults results,
                        FetchResults(*connection, StudyResource(study), /*with_history=*/false));
    studies.push_back(std::move(results));
  }
  TP_ASSIGN_OR_RETURN(const Comparison comparison, Compare(studies, flags.options));
  if (!flags.svg.empty()) {
    TP_RETURN_IF_ERROR(WriteFileAtomically(flags.svg, ComparisonSvg(comparison)));
    session.Say(absl::StrCat("written: ", flags.svg));
  }
  PrintComparison(comparison, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddCompare(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand(
      "compare", "Compare groups of trials: the best of each over its seeds, with statistics");
  auto flags = std::make_shared<CompareFlags>();
  sub->add_option("STUDY", flags->studies, "Names of studies with the same objective")->required();
  sub->add_option("--by", flags->options.by,
                  "What makes the groups: a searched parameter (training.rule), or a field in "
                  "which the studies differ")
      ->required()
      ->type_name("PATH");
  sub->add_option("--baseline", flags->options.baseline,
                  "The group that the others are compared with (default: the first)")
      ->type_name("VALUE");
  sub->add_option("--metric", flags->options.metric,
                  "What is compared (default: the objective's twin on the test set: test/error)")
      ->type_name("METRIC");
  sub->add_option("--svg", flags->svg, "Also draw the expected best after n trials")
      ->type_name("FILE");
  sub->callback([&chosen, flags] {
    chosen = [flags](Session& session) { return CompareStudies(session, *flags); };
  });
}

}  // namespace tpsweep::client
