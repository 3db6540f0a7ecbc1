#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/spec_flags.h"
#include "client/commands/watch.h"
#include "client/study_json.h"
#include "client/values.h"
#include "common/spec/objective_checks.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct SubmitFlags {
  SpecSource source;
  std::string idempotency_key;
  bool is_watching = false;
};

absl::StatusOr<ExitStatus> Submit(Session& session, const SubmitFlags& flags) {
  v1::CreateStudyRequest request;
  TP_ASSIGN_OR_RETURN(*request.mutable_spec(), LoadStudy(flags.source));
  request.set_idempotency_key(flags.idempotency_key);
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  const absl::StatusOr<v1::Study> study = connection->Call(&Connection::Stub::CreateStudy, request);
  if (absl::IsAlreadyExists(study.status()) && flags.idempotency_key.empty()) {
    const std::string& name = request.spec().study();
    return absl::AlreadyExistsError(
        absl::StrCat("the server has a study ", name,
                     " already: submit this one under another name (--name NEW), or remove the old "
                     "one: tpsweep delete ",
                     name));
  }
  if (!study.ok()) return study.status();

  const std::string name = BareName(study->name());
  if (session.format == Format::kJson) {
    WriteJson({{"version", kJsonVersion}, {"study", StudyJson(*study)}}, session.out);
  } else {
    session.out << name << "\n";
  }
  for (const std::string& remark : spec::Remarks(request.spec())) session.Say("note: " + remark);
  session.Say(absl::StrCat("submitted: ", SizeText(study->spec(), study->expected_runs())));
  if (flags.is_watching) return WatchToEnd(session, *connection, *study);
  session.Say(absl::StrCat("follow it with: tpsweep watch ", name));
  return ExitStatus::kDone;
}

}  // namespace

void AddSubmit(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("submit", "Hand a sweep to the server");
  auto flags = std::make_shared<SubmitFlags>();
  AddSpecFlags(*sub, flags->source);
  AddNameFlag(*sub, flags->source);
  sub->add_option("--idempotency-key", flags->idempotency_key,
                  "Submitting again with the same key gives the same study");
  sub->add_flag("--watch", flags->is_watching, "Show its progress until it ends");
  sub->callback(
      [&chosen, flags] { chosen = [flags](Session& session) { return Submit(session, *flags); }; });
}

}  // namespace tpsweep::client
