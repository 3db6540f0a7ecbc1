#include <memory>

#include "client/commands/commands.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<ExitStatus> Explain(Session& session, const std::string& name) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  v1::ExplainRequest request;
  request.set_name(ResourceOf(name));
  TP_ASSIGN_OR_RETURN(const v1::Explanation explanation,
                      connection->Call(&Connection::Stub::Explain, request));
  if (session.format == Format::kJson) {
    Json lines = Json::array();
    for (const std::string& line : explanation.lines()) lines.push_back(line);
    WriteJson({{"version", kJsonVersion}, {"name", request.name()}, {"lines", std::move(lines)}},
              session.out);
  } else {
    for (const std::string& line : explanation.lines()) session.out << Printable(line) << "\n";
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddExplain(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("explain", "Say why a trial or a run is where it is");
  auto name = std::make_shared<std::string>();
  sub->add_option("TRIAL", *name, "STUDY/3 for trial 3, STUDY/3/0 for its run 0")->required();
  sub->callback(
      [&chosen, name] { chosen = [name](Session& session) { return Explain(session, *name); }; });
}

}  // namespace tpsweep::client
