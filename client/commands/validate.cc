#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/spec_file.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<ExitStatus> Validate(Session& session, const std::string& path) {
  TP_ASSIGN_OR_RETURN(const v1::StudySpec spec, LoadStudy(path, ""));
  session.out << "ok: " << path << ": study " << spec.study() << ", "
              << SizeText(spec, ExpectedRuns(spec)) << "\n";
  return ExitStatus::kDone;
}

}  // namespace

void AddValidate(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("validate", "Check a sweep file; needs no server");
  auto path = std::make_shared<std::string>();
  sub->add_option("SPEC", *path, "Sweep file (YAML)")->required();
  sub->callback(
      [&chosen, path] { chosen = [path](Session& session) { return Validate(session, *path); }; });
}

}  // namespace tpsweep::client
