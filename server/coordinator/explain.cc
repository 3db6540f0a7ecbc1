// Why a trial or a run is where it is, in sentences: from the records and the event log.
#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/coordinator/arm.h"
#include "server/coordinator/change.h"
#include "server/coordinator/queries.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
namespace {

constexpr int kEventsAtATime = 1000;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", FromProto(time), absl::UTCTimeZone());
}

// "2 succeeded, 1 failed"
std::string CountsText(const std::vector<v1::Run>& runs) {
  std::map<std::string, int> counts;
  for (const v1::Run& run : runs) ++counts[v1::RunState_Name(run.state()).substr(10)];
  std::vector<std::string> words;
  for (const auto& [state, count] : counts) words.push_back(absl::StrCat(count, " ", state));
  return absl::StrJoin(words, ", ");
}

std::string ValueText(const v1::Trial& trial) {
  return trial.has_objective() ? absl::StrFormat("%.6g", trial.objective()) : "no value";
}

// Place of the trial among all of its arm that were at the rung.
std::string PlaceText(const v1::StudySpec& spec, const std::vector<v1::Trial>& trials,
                      const v1::Trial& trial, const v1::Rung& rung) {
  const auto value_of_per = [&](const v1::Trial& one) {
    for (const v1::Assignment& assignment : one.parameters()) {
      if (assignment.path() == spec.budget().per()) return assignment.value().SerializeAsString();
    }
    return std::string();
  };
  const double sign = spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1;
  const auto rank = [&](const v1::Rung& one, const v1::Trial& of) {
    v1::Trial then;
    SetObjective(one, then);
    return std::pair(then.has_objective() ? sign * then.objective() : HUGE_VAL, of.number());
  };
  int place = 1;
  int count = 0;
  for (const v1::Trial& other : trials) {
    if (value_of_per(other) != value_of_per(trial)) continue;
    for (const v1::Rung& there : other.rungs()) {
      if (there.epochs() != rung.epochs()) continue;
      ++count;
      place += rank(there, other) < rank(rung, trial);
    }
  }
  v1::Trial then;
  SetObjective(rung, then);
  return absl::StrCat("after epoch ", rung.epochs(), ": ", spec.objective().metric(), " ",
                      ValueText(then), ", place ", place, " of ", count, " trials that were there");
}

// "trial 0 to epoch 2, trial 9 to epoch 3, then this one"
std::string LineText(const std::vector<v1::Trial>& trials, const v1::Trial& trial) {
  std::string text = "then this one";
  for (const v1::Trial* at = &trial; at->has_fork();) {
    text =
        absl::StrCat("trial ", at->fork().parent(), " to epoch ", at->fork().epoch(), ", ", text);
    at = &trials[static_cast<size_t>(at->fork().parent())];
  }
  return text;
}

// All events of the study that `is_wanted` wants, oldest first.
template <class Wanted>
absl::StatusOr<std::vector<v1::Event>> EventsOf(const Store& store, const std::string& study,
                                                Wanted is_wanted) {
  std::vector<v1::Event> events;
  int64_t after = 0;
  for (;;) {
    TP_ASSIGN_OR_RETURN(std::vector<v1::Event> page,
                        store.ListEvents(study, after, kEventsAtATime));
    for (v1::Event& event : page) {
      after = event.revision();
      if (is_wanted(event)) events.push_back(std::move(event));
    }
    if (static_cast<int>(page.size()) < kEventsAtATime) return events;
  }
}

std::string EventText(const v1::Event& event) {
  std::string text = absl::StrCat(TimeText(event.time()), " ", event.type());
  if (event.has_run() && !event.run().worker().empty() && event.type() == "run.leased") {
    absl::StrAppend(&text, " to ", event.run().worker(), " (attempt ", event.run().attempt(), ")");
  }
  if (!event.message().empty()) absl::StrAppend(&text, ": ", event.message());
  return text;
}

}  // namespace

absl::StatusOr<v1::Explanation> Queries::Explain(const v1::ExplainRequest& request) const {
  TP_ASSIGN_OR_RETURN(const ResourceName name, ParseResourceName(request.name()));
  if (!name.trial || name.attempt) {
    return absl::InvalidArgumentError(
        absl::StrCat("name: ", request.name(), " is not the name of a trial or a run"));
  }
  const std::string study_name = ToString(StudyName{name.study});
  const TrialName trial_name{name.study, *name.trial};
  TP_ASSIGN_OR_RETURN(const v1::Study study, store_.GetStudy(study_name));
  v1::Explanation explanation;
  const auto say = [&](auto&&... words) { explanation.add_lines(absl::StrCat(words...)); };

  if (name.replicate) {
    TP_ASSIGN_OR_RETURN(const v1::Run run, store_.GetRun(request.name()));
    say(run.name(), " is ", v1::RunState_Name(run.state()).substr(10),
        run.message().empty() ? "" : absl::StrCat(": ", run.message()));
    for (const v1::Checkpoint& checkpoint : run.checkpoints()) {
      say("checkpoint after epoch ", checkpoint.epoch(), ", of attempt ", checkpoint.attempt());
    }
    TP_ASSIGN_OR_RETURN(const std::vector<v1::Event> events,
                        EventsOf(store_, study_name, [&](const v1::Event& event) {
                          return event.resource() == run.name() ||
                                 absl::StartsWith(event.resource(), run.name() + "/attempts/");
                        }));
    for (const v1::Event& event : events) say(EventText(event));
    return explanation;
  }

  TP_ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, TrialsOf(store_, study_name));
  if (*name.trial >= static_cast<int64_t>(trials.size())) {
    return absl::NotFoundError(absl::StrCat("there is no ", request.name()));
  }
  const v1::Trial& trial = trials[static_cast<size_t>(*name.trial)];
  TP_ASSIGN_OR_RETURN(const std::vector<v1::Run> runs, RunsOf(store_, trial.name()));
  say(trial.name(), " is ", v1::TrialState_Name(trial.state()).substr(12),
      "; its runs: ", CountsText(runs));
  say("chosen by ", trial.source());
  if (trial.has_fork()) {
    say("in place of trial ", trial.fork().replaces(), "; its line: ", LineText(trials, trial));
  }
  const v1::Search& search = study.spec().search();
  if (trial.replicates() < search.replicates()) {
    say(trial.replicates(), " of ", search.replicates(), " replicates: ",
        trial.state() == v1::TRIAL_STATE_ACTIVE
            ? "the others wait for what these are worth (search.racing)"
            : "clearly beaten by the best trial there was, or the budget was used up");
  }
  for (const v1::Rung& rung : trial.rungs()) {
    say(PlaceText(study.spec(), trials, trial, rung));
  }
  if (trial.extended_to() > 0) say("extended to epoch ", trial.extended_to());
  if (const std::string now = coordinator_.Explain(trial_name); !now.empty()) say("now it ", now);
  for (const v1::Run& run : runs) {
    if (run.message().empty()) continue;
    say("run ", run.replicate(), " is ", v1::RunState_Name(run.state()).substr(10), ": ",
        run.message());
  }
  if (trial.state() == v1::TRIAL_STATE_ACTIVE && !study.waiting_reason().empty()) {
    say("the study waits: ", study.waiting_reason());
  }
  return explanation;
}

}  // namespace tpsweep::server
