#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/commands/commands.h"
#include "client/commands/spec_flags.h"
#include "client/interrupt.h"
#include "client/local_service.h"
#include "client/table.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

struct PreviewFlags {
  SpecSource source;
  int slots = 0;  // 0: a slot for each core
  double epoch_seconds = 0;
};

Json ToJson(const v1::Preview& preview) {
  Json stops = Json::array();
  for (const v1::Preview::Stop& stop : preview.stops()) {
    stops.push_back({{"epochs", stop.epochs()}, {"trials", stop.trials()}});
  }
  return {{"version", kJsonVersion},
          {"trials", preview.trials()},
          {"runs", preview.runs()},
          {"epochs", preview.epochs()},
          {"stops", std::move(stops)},
          {"core_seconds", preview.has_core_seconds() ? Json(preview.core_seconds()) : Json()},
          {"seconds", preview.has_seconds() ? Json(preview.seconds()) : Json()},
          {"basis", preview.basis()}};
}

void WriteText(const v1::Preview& preview, int slots, std::ostream& out) {
  std::vector<std::vector<std::string>> rows = {{"trials", absl::StrCat(preview.trials())},
                                                {"runs", absl::StrCat(preview.runs())},
                                                {"epochs", absl::StrCat(preview.epochs())}};
  for (const v1::Preview::Stop& stop : preview.stops()) {
    rows.push_back({absl::StrCat("  to epoch ", stop.epochs()),
                    absl::StrCat(stop.trials(), stop.trials() == 1 ? " trial" : " trials")});
  }
  if (preview.has_core_seconds()) {
    rows.push_back({"core-hours", absl::StrFormat("%.3g", preview.core_seconds() / 3600)});
    rows.push_back({absl::StrCat("time with ", slots, slots == 1 ? " slot" : " slots"),
                    DurationText(absl::Seconds(preview.seconds()))});
  }
  rows.push_back({"time of an epoch", Printable(preview.basis())});
  out << LayOut({Align::kLeft, Align::kLeft}, rows);
}

// The server that the user named or that answers; without one, one of our own for this call.
absl::StatusOr<v1::Preview> Ask(Session& session, const v1::PreviewStudyRequest& request) {
  TP_ASSIGN_OR_RETURN(const auto connection, Connection::Open(session.connection, session.clock));
  const absl::StatusOr<v1::Preview> preview =
      connection->Call(&Connection::Stub::PreviewStudy, request);
  const bool was_named = session.connection.server != ConnectionOptions().server;
  if (!absl::IsUnavailable(preview.status()) || was_named) return preview;
  const Interrupt interrupt;
  LocalServiceOptions options;
  options.bin_dir = session.bin_dir;
  options.dir = absl::StrCat(session.state_dir, "/run");
  TP_ASSIGN_OR_RETURN(const auto service, LocalService::Start(options, interrupt, session.clock));
  TP_ASSIGN_OR_RETURN(const auto local, Connection::Open({.server = service->address(),
                                                          .timeout = session.connection.timeout},
                                                         session.clock));
  absl::StatusOr<v1::Preview> answer = local->Call(&Connection::Stub::PreviewStudy, request);
  service->Stop();
  return answer;
}

absl::StatusOr<ExitStatus> Preview(Session& session, const PreviewFlags& flags) {
  v1::PreviewStudyRequest request;
  TP_ASSIGN_OR_RETURN(*request.mutable_spec(), LoadStudy(flags.source));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  request.set_slots(flags.slots > 0 ? flags.slots : cores);
  request.set_epoch_seconds(flags.epoch_seconds);
  TP_ASSIGN_OR_RETURN(const v1::Preview preview, Ask(session, request));
  if (session.format == Format::kJson) {
    WriteJson(ToJson(preview), session.out);
  } else {
    WriteText(preview, request.slots(), session.out);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddPreview(CLI::App& app, Command& chosen) {
  CLI::App* sub = app.add_subcommand("preview", "Say what a sweep will use, without running it");
  auto flags = std::make_shared<PreviewFlags>();
  AddSpecFlags(*sub, flags->source);
  sub->add_option("--slots", flags->slots, "Runs at a time; default: one for each core")
      ->check(CLI::Range(1, 4096));
  sub->add_option("--epoch-seconds", flags->epoch_seconds,
                  "What an epoch takes; default: what earlier runs like these took on the server")
      ->check(CLI::PositiveNumber);
  sub->callback([&chosen, flags] {
    chosen = [flags](Session& session) { return Preview(session, *flags); };
  });
}

}  // namespace tpsweep::client
