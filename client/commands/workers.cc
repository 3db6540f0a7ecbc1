#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/commands.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

// The runs without studies/: "sweep/trials/3/runs/0".
std::string RunsText(const v1::Worker& worker) {
  const auto bare = [](std::string* out, const std::string& run) { *out += BareName(run); };
  return absl::StrJoin(worker.runs(), ", ", bare);
}

absl::StatusOr<ExitStatus> Workers(Session& session) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  TP_ASSIGN_OR_RETURN(const v1::ListWorkersResponse response,
                      connection->Call(&Connection::Stub::ListWorkers, v1::ListWorkersRequest()));
  Listing listing{"workers",
                  {{"id", "worker"},
                   {"host", "host"},
                   {"connected", "state"},
                   {"busy_slots", "busy", Align::kRight},
                   {"slots", ""},
                   {"datasets", "data sets"},
                   {"last_seen_time", "last seen"},
                   {"connect_time", ""},
                   {"version", "version"},
                   {"runs", "runs"}},
                  {},
                  "no workers: start one with tpsweep-worker --server " + connection->server()};
  for (const v1::Worker& worker : response.workers()) {
    listing.rows.push_back({
        TextCell(worker.id()),
        TextCell(worker.host()),
        {worker.connected() ? "connected" : "away", worker.connected()},
        {absl::StrCat(worker.busy_slots(), "/", worker.slots()), worker.busy_slots()},
        CountCell(worker.slots()),
        {absl::StrJoin(worker.datasets(), ", "),
         std::vector<std::string>(worker.datasets().begin(), worker.datasets().end())},
        {TimeText(worker.last_seen_time()), TimeJson(worker.last_seen_time())},
        {"", TimeJson(worker.connect_time())},
        TextCell(worker.version()),
        {RunsText(worker), std::vector<std::string>(worker.runs().begin(), worker.runs().end())},
    });
  }
  Write(listing, session.format, session.out);
  return ExitStatus::kDone;
}

}  // namespace

void AddWorkers(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("workers", "List the workers that the server knows");
  sub->callback([&chosen] { chosen = &Workers; });
}

}  // namespace tpsweep::client
