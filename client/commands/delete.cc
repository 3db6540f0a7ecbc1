#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<ExitStatus> Delete(Session& session, const std::string& name) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::StudyRequest request;
  request.set_name(StudyResource(name));
  TP_RETURN_IF_ERROR(connection->Call(&Connection::Stub::DeleteStudy, request).status());
  session.Say(absl::StrCat(BareName(request.name()), " is deleted"));
  return ExitStatus::kDone;
}

}  // namespace

void AddDelete(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("delete", "Remove a study that has ended, and its results");
  auto study = std::make_shared<std::string>();
  sub->add_option("STUDY", *study, "Name of the study")->required();
  sub->callback(
      [&chosen, study] { chosen = [study](Session& session) { return Delete(session, *study); }; });
}

}  // namespace tpsweep::client
