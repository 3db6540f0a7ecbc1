#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/results_json.h"
#include "client/results_table.h"
#include "client/values.h"
#include "common/spec/ranking.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct BestFlags {
  std::string study;
  int count = 10;
};

absl::StatusOr<ExitStatus> Best(Session& session, const BestFlags& flags) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::GetStudyRequest get;
  get.set_name(StudyResource(flags.study));
  TP_ASSIGN_OR_RETURN(const v1::Study study, connection->Call(&Connection::Stub::GetStudy, get));
  v1::BestTrialsRequest request;
  request.set_study(study.name());
  request.set_count(flags.count);
  TP_ASSIGN_OR_RETURN(const v1::BestTrialsResponse best,
                      connection->Call(&Connection::Stub::BestTrials, request));

  Listing listing{"trials",
                  {{"trial", "trial", Align::kRight},
                   {"objective", study.spec().objective().metric(), Align::kRight}},
                  {},
                  "no trial has succeeded yet"};
  for (const v1::Objective& further : study.spec().further_objectives()) {
    listing.columns.push_back({further.metric(), further.metric(), Align::kRight});
  }
  for (const v1::Constraint& constraint : study.spec().constraints()) {
    const std::string title = absl::StrCat(constraint.metric(), " <= ", constraint.at_most());
    listing.columns.push_back({constraint.metric(), title, Align::kRight});
  }
  if (!study.spec().constraints().empty())
    listing.columns.push_back({"constraints", "constraints"});
  listing.columns.push_back({"parameters", "parameters"});
  for (const v1::Trial& trial : best.trials()) {
    std::vector<Cell>& row = listing.rows.emplace_back();
    row.push_back(CountCell(trial.number()));
    row.push_back({MetricText(trial.objective()), trial.objective()});
    for (const auto* values : {&trial.further_objectives(), &trial.constraints()}) {
      for (const double value : *values) row.push_back({MetricText(value), value});
    }
    if (!study.spec().constraints().empty()) {
      const bool keeps = spec::Violation(study.spec().constraints(), trial) == 0;
      row.push_back(keeps ? Cell{"kept", "kept"} : Cell{"broken", "broken"});
    }
    row.push_back({ChoiceText(trial), ParametersJson(trial)});
  }
  Write(listing, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddBest(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("best", "List the best trials of a study");
  auto flags = std::make_shared<BestFlags>();
  sub->add_option("STUDY", flags->study, "Name of the study")->required();
  sub->add_option("-n,--count", flags->count, "How many at most")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->callback(
      [&chosen, flags] { chosen = [flags](Session& session) { return Best(session, *flags); }; });
}

}  // namespace tpsweep::client
