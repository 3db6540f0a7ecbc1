#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/study_json.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {

ExitStatus PrintChanged(Session& session, const v1::Study& study) {
  if (session.format == Format::kJson) {
    WriteJson({{"version", kJsonVersion}, {"study", StudyJson(study)}}, session.out);
  } else {
    session.Say(absl::StrCat(BareName(study.name()), " is ", StateText(study.state()),
                             "; runs: ", CountsText(study.runs())));
  }
  return ExitStatus::kDone;
}

namespace {

using Method = grpc::Status (Connection::Stub::*)(grpc::ClientContext*, const v1::StudyRequest&,
                                                  v1::Study*);

absl::StatusOr<ExitStatus> Change(Session& session, Method method, const std::string& name) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::StudyRequest request;
  request.set_name(StudyResource(name));
  TP_ASSIGN_OR_RETURN(const v1::Study study, connection->Call(method, request));
  return PrintChanged(session, study);
}

void Add(CLI::App& app, Command& chosen, const char* verb, const char* help, Method method) {
  CLI::App* sub = app.add_subcommand(verb, help);
  auto study = std::make_shared<std::string>();
  sub->add_option("STUDY", *study, "Name of the study")->required();
  sub->callback([&chosen, study, method] {
    chosen = [study, method](Session& session) { return Change(session, method, *study); };
  });
}

}  // namespace

void AddStateChanges(CLI::App& app, Command& chosen) {
  Add(app, chosen, "pause", "Stop the runs of a study where they are, until it is resumed",
      &Connection::Stub::PauseStudy);
  Add(app, chosen, "resume", "Let a paused study go on", &Connection::Stub::ResumeStudy);
  Add(app, chosen, "cancel", "End a study: what has not ended is cancelled",
      &Connection::Stub::CancelStudy);
}

}  // namespace tpsweep::client
