#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/study_json.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

std::string DoneText(const v1::Study& study) {
  const int64_t ended = EndedRuns(study.runs());
  if (study.expected_runs() < 0) return absl::StrCat(ended);
  return absl::StrCat(ended, "/", study.expected_runs());
}

void AddRow(const v1::Study& study, Listing& listing) {
  const Json json = StudyJson(study);
  listing.rows.push_back({
      {BareName(study.name()), json["study"]},
      {StateText(study.state()), json["state"]},
      {DoneText(study), EndedRuns(study.runs())},
      {absl::StrCat(study.expected_runs()), json["expected_runs"]},
      {CountsText(study.runs()), json["runs"]},
      {TimeText(study.create_time()), json["create_time"]},
      {"", json["end_time"]},
      {study.waiting_reason(), json["waiting_reason"]},
  });
}

absl::StatusOr<ExitStatus> Ls(Session& session, const std::string& prefix) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  Listing listing{"studies",
                  {{"study", "study"},
                   {"state", "state"},
                   {"ended_runs", "done", Align::kRight},
                   {"expected_runs", ""},
                   {"runs", "runs"},
                   {"create_time", "created"},
                   {"end_time", ""},
                   {"waiting_reason", "waiting for"}},
                  {},
                  "no studies"};
  v1::ListStudiesRequest request;
  request.set_name_prefix(prefix);
  request.set_page_size(1000);
  do {
    TP_ASSIGN_OR_RETURN(const v1::ListStudiesResponse page,
                        connection->Call(&Connection::Stub::ListStudies, request));
    for (const v1::Study& study : page.studies()) AddRow(study, listing);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  Write(listing, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddLs(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("ls", "List the studies of the server");
  auto prefix = std::make_shared<std::string>();
  sub->add_option("PREFIX", *prefix, "Only studies whose name starts with this");
  sub->callback(
      [&chosen, prefix] { chosen = [prefix](Session& session) { return Ls(session, *prefix); }; });
}

}  // namespace tpsweep::client
