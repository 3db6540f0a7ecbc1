#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/commands/commands.h"
#include "client/results_json.h"
#include "client/results_table.h"
#include "client/study_json.h"
#include "client/table.h"
#include "client/values.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

std::string BestText(const v1::Study& study, const v1::BestTrialsResponse& best) {
  if (best.trials().empty()) return "";
  const v1::Trial& trial = best.trials(0);
  return absl::StrCat("trial ", trial.number(), ": ", study.spec().objective().metric(), " ",
                      MetricText(trial.objective()), "  ", ChoiceText(trial));
}

std::string CompactionText(const v1::Study& study) {
  if (!study.has_compaction()) return "";
  return absl::StrCat("of one epoch in ", study.compaction().keep_every(), " since ",
                      TimeText(study.compaction().time()));
}

void WriteText(const v1::Study& study, const v1::BestTrialsResponse& best, std::ostream& out) {
  const std::pair<std::string, std::string> lines[] = {
      {"study", BareName(study.name())},
      {"state", StateText(study.state())},
      {"waiting for", study.waiting_reason()},
      {"size", SizeText(study.spec(), study.expected_runs())},
      {"runs", CountsText(study.runs())},
      {"best so far", BestText(study, best)},
      {"created", TimeText(study.create_time())},
      {"ended", TimeText(study.end_time())},
      {"measurements", CompactionText(study)},
  };
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : lines) {
    if (!value.empty()) rows.push_back({key, Printable(value)});
  }
  out << LayOut({Align::kLeft, Align::kLeft}, rows) << "\nspec\n";
  const std::string yaml = spec::ToYaml(study.spec());
  for (const absl::string_view line : absl::StrSplit(yaml, '\n', absl::SkipEmpty())) {
    out << "  " << Printable(line) << "\n";
  }
}

Json ToJson(const v1::Study& study, const v1::BestTrialsResponse& best) {
  Json json = StudyJson(study);
  json["spec"] = SpecJson(study.spec());
  json["best"] = nullptr;
  if (!best.trials().empty()) {
    const v1::Trial& trial = best.trials(0);
    json["best"] = {{"trial", trial.number()},
                    {"objective", trial.objective()},
                    {"parameters", ParametersJson(trial)}};
  }
  return {{"version", kJsonVersion}, {"study", std::move(json)}};
}

absl::StatusOr<ExitStatus> Show(Session& session, const std::string& name) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::GetStudyRequest get;
  get.set_name(StudyResource(name));
  TP_ASSIGN_OR_RETURN(const v1::Study study, connection->Call(&Connection::Stub::GetStudy, get));
  v1::BestTrialsRequest best_request;
  best_request.set_study(study.name());
  best_request.set_count(1);
  TP_ASSIGN_OR_RETURN(const v1::BestTrialsResponse best,
                      connection->Call(&Connection::Stub::BestTrials, best_request));
  if (session.format == Format::kJson) {
    WriteJson(ToJson(study, best), session.out);
  } else {
    WriteText(study, best, session.out);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddShow(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("show", "Show one study: state, what it waits for, spec");
  auto study = std::make_shared<std::string>();
  sub->add_option("STUDY", *study, "Name of the study")->required();
  sub->callback(
      [&chosen, study] { chosen = [study](Session& session) { return Show(session, *study); }; });
}

}  // namespace tpsweep::client
