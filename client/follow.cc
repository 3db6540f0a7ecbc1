#include "client/follow.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/event_reader.h"
#include "client/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(100);
constexpr absl::Duration kRefresh = absl::Milliseconds(500);
// A server that restarts is back before this.
constexpr absl::Duration kMaxAway = absl::Minutes(2);
// For the last events after the end of the study.
constexpr absl::Duration kLastWords = absl::Seconds(1);

absl::StatusOr<v1::Study> Get(Connection& connection, const std::string& study) {
  v1::GetStudyRequest request;
  request.set_name(study);
  return connection.Call(&Connection::Stub::GetStudy, request);
}

// How much of the runs that are being trained is done, in runs.
double InFlight(Connection& connection, const v1::Study& study) {
  const auto epochs = static_cast<double>(study.spec().training().epochs());
  if (study.runs().running() == 0 || epochs == 0) return 0;
  v1::ListRunsRequest request;
  request.set_parent(study.name());
  request.add_states(v1::RUN_STATE_RUNNING);
  request.set_page_size(1000);
  const absl::StatusOr<v1::ListRunsResponse> runs =
      connection.Call(&Connection::Stub::ListRuns, request);
  if (!runs.ok()) return 0;  // only the bar's accuracy depends on it
  double done = 0;
  for (const v1::Run& run : runs->runs()) {
    done += std::clamp(static_cast<double>(run.latest().epoch()) / epochs, 0.0, 1.0);
  }
  return done;
}

absl::Status CheckMayGoOn(const Connection& connection, const Interrupt& interrupt) {
  if (interrupt.count() > 0) return absl::CancelledError("interrupted");
  if (connection.TimeLeft() == absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the study has not ended within the time-out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Study> FollowStudy(Connection& connection, v1::Study study,
                                      const Interrupt& interrupt, Progress& progress, Clock& clock,
                                      const std::function<absl::Status()>& each_turn) {
  const std::string name = study.name();
  EventReader events(connection, name, EndedRuns(study.runs()), clock);
  progress.Update(study, InFlight(connection, study));

  absl::Duration last_answer = clock.Elapsed();
  absl::Duration last_refresh = last_answer;
  bool is_away = false;
  while (!HasEnded(study.state())) {
    for (const v1::Run& run : events.WaitForEndedRuns(kTurn)) progress.RunEnded(run);
    TP_RETURN_IF_ERROR(CheckMayGoOn(connection, interrupt));
    if (each_turn) TP_RETURN_IF_ERROR(each_turn());
    if (!events.IsAtEnd() && clock.Elapsed() - last_refresh < kRefresh) continue;
    last_refresh = clock.Elapsed();

    absl::StatusOr<v1::Study> fresh = Get(connection, name);
    if (fresh.ok()) {
      if (is_away) progress.Note("the server is back");
      is_away = false;
      last_answer = clock.Elapsed();
      study = *std::move(fresh);
      progress.Update(study, InFlight(connection, study));
      continue;
    }
    TP_RETURN_IF_ERROR(CheckMayGoOn(connection, interrupt));
    const bool is_passing =
        absl::IsUnavailable(fresh.status()) || absl::IsDeadlineExceeded(fresh.status());
    if (!is_passing || clock.Elapsed() - last_answer > kMaxAway) return fresh.status();
    if (!is_away) progress.Note(absl::StrCat("the server is away; trying again"));
    is_away = true;
  }

  const absl::Duration end = clock.Elapsed();
  while (!events.IsAtEnd() && clock.Elapsed() - end < kLastWords) {
    for (const v1::Run& run : events.WaitForEndedRuns(kTurn)) progress.RunEnded(run);
  }
  for (const v1::Run& run : events.WaitForEndedRuns(absl::ZeroDuration())) progress.RunEnded(run);
  progress.Update(study, 0);
  return study;
}

}  // namespace tpsweep::client
