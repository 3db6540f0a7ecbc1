#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/spec_flags.h"
#include "client/values.h"
#include "common/spec/arms.h"
#include "common/spec/objective_checks.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<ExitStatus> Validate(Session& session, const SpecSource& source) {
  TP_ASSIGN_OR_RETURN(const v1::StudySpec spec, LoadStudy(source));
  for (const std::string& remark : spec::Remarks(spec)) session.Say("note: " + remark);
  session.out << "ok: " << source.ToString() << ": study " << spec.study() << ", "
              << SizeText(spec, spec::ExpectedRuns(spec)) << "\n";
  return ExitStatus::kDone;
}

}  // namespace

void AddValidate(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("validate", "Check a sweep file; needs no server");
  auto source = std::make_shared<SpecSource>();
  AddSpecFlags(*sub, *source);
  sub->callback([&chosen, source] {
    chosen = [source](Session& session) { return Validate(session, *source); };
  });
}

}  // namespace tpsweep::client
