#include "tests/integration/history.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/names.h"

namespace tpsweep {
namespace {

using Problems = std::vector<std::string>;

template <class... Words>
void Add(Problems& problems, const Words&... words) {
  problems.push_back(absl::StrCat(words...));
}

std::string RunOf(const std::string& attempt) {
  return attempt.substr(0, attempt.find("/attempts/"));
}
std::string AttemptOf(const v1::Run& run) {
  return absl::StrCat(run.name(), "/attempts/", run.attempt());
}
int64_t NumberOf(const std::string& attempt) {
  const auto name = ParseAttemptName(attempt);
  return name.ok() ? name->attempt : 0;
}

// Who was given which attempt.
using Holders = std::map<std::string, std::string>;

Holders CheckLeases(const std::vector<v1::Event>& events, Problems& problems) {
  struct Leases {
    std::optional<int64_t> leased;
    int64_t last = 0;
  };
  std::map<std::string, Leases> of_run;
  Holders holders;
  int64_t revision = 0;
  for (const v1::Event& event : events) {
    const std::string at = absl::StrCat("event ", event.revision(), ", ", event.type(), " of ",
                                        event.resource(), ": ");
    if (event.revision() <= revision) Add(problems, at, "after event ", revision);
    revision = event.revision();
    if (event.type() == "attempt.lost" || event.type() == "attempt.preempted" ||
        event.type() == "attempt.failed" || event.type() == "attempt.timed_out") {
      const Leases& leases = of_run[RunOf(event.resource())];
      if (leases.leased != NumberOf(event.resource())) Add(problems, at, "it was not leased");
    }
    if (!event.has_run()) continue;
    const v1::Run& run = event.run();
    Leases& leases = of_run[run.name()];
    if (event.type() == "run.leased") {
      if (leases.leased) Add(problems, at, "attempt ", *leases.leased, " is still leased");
      if (run.attempt() != leases.last + 1) {
        Add(problems, at, "attempt ", run.attempt(), " after ", leases.last);
      }
      leases.leased = leases.last = run.attempt();
      holders[AttemptOf(run)] = run.worker();
    } else if (run.state() != v1::RUN_STATE_RUNNING) {
      const bool has_result =
          run.state() == v1::RUN_STATE_SUCCEEDED || run.state() == v1::RUN_STATE_INFEASIBLE;
      if (has_result && leases.leased != run.attempt()) {
        Add(problems, at, "attempt ", run.attempt(), " was not leased");
      }
      leases.leased.reset();
    }
  }
  return holders;
}

void CheckStory(const std::vector<v1::MeasurementRecord>& story, Problems& problems) {
  std::map<std::string, std::pair<int64_t, int64_t>> last;  // by run: sequence, attempt
  for (const v1::MeasurementRecord& record : story) {
    auto& [sequence, attempt] = last[RunOf(record.attempt())];
    if (record.measurement().sequence() != sequence + 1) {
      Add(problems, record.attempt(), ": measurement ", record.measurement().sequence(), " after ",
          sequence, " of the run's story");
    }
    if (NumberOf(record.attempt()) < attempt) {
      Add(problems, record.attempt(), ": measurement ", record.measurement().sequence(),
          " goes on from the later attempt ", attempt);
    }
    sequence = record.measurement().sequence();
    attempt = NumberOf(record.attempt());
  }
}

// Measurements as they were written, by attempt and sequence.
using Written = std::map<std::pair<std::string, int64_t>, std::string>;

// The same for equal messages.
std::string Bytes(const v1::Measurement& measurement) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  measurement.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

Written WrittenIn(const Reading& reading, Problems& problems) {
  Written written;
  for (const v1::MeasurementRecord& record : reading.measurements) {
    const int64_t sequence = record.measurement().sequence();
    const bool is_new =
        written.insert({{record.attempt(), sequence}, Bytes(record.measurement())}).second;
    if (!is_new) Add(problems, record.attempt(), ": measurement ", sequence, " is there twice");
  }
  return written;
}

// Attempts that can get nothing more.
bool IsOver(const Reading& reading, const std::string& attempt) {
  for (const v1::Run& run : reading.runs) {
    if (run.name() != RunOf(attempt)) continue;
    const int64_t number = NumberOf(attempt);
    return number < run.attempt() ||
           (number == run.attempt() && run.state() != v1::RUN_STATE_RUNNING);
  }
  return false;
}

void CheckBetween(const Reading& earlier, const Written& before, const Written& after,
                  Problems& problems) {
  for (const auto& [name, text] : before) {
    const auto found = after.find(name);
    if (found == after.end()) {
      Add(problems, name.first, ": measurement ", name.second, " was there once");
    } else if (found->second != text) {
      Add(problems, name.first, ": measurement ", name.second, " was another once");
    }
  }
  for (const auto& [name, text] : after) {
    if (IsOver(earlier, name.first) && !before.contains(name)) {
      Add(problems, name.first, ": measurement ", name.second,
          " was taken when the attempt was over");
    }
  }
}

void CheckHeard(const std::vector<Acknowledgement>& heard, const Holders& holders,
                const Written& written, Problems& problems) {
  // What a run has of each number, and from which attempts.
  std::map<std::pair<std::string, int64_t>, int64_t> first_attempt;
  for (const auto& [name, text] : written) {
    auto& first = first_attempt[{RunOf(name.first), name.second}];
    const int64_t attempt = NumberOf(name.first);
    if (first == 0 || attempt < first) first = attempt;
  }
  std::map<std::string, int64_t> last;
  for (const auto& [worker, attempt, sequence] : heard) {
    const std::string told = absl::StrCat(worker, " was told of ", attempt, " up to ", sequence);
    const auto holder = holders.find(attempt);
    if (holder == holders.end() || holder->second != worker) {
      Add(problems, told, ", which is ", holder == holders.end() ? "nobody" : holder->second, "'s");
    }
    if (sequence < last[attempt]) Add(problems, told, " after ", last[attempt]);
    last[attempt] = sequence;
    if (sequence == 0) continue;
    // An attempt that goes on from a checkpoint has what was measured before it.
    const auto found = first_attempt.find({RunOf(attempt), sequence});
    if (found == first_attempt.end() || found->second > NumberOf(attempt)) {
      Add(problems, told, ", which is not there");
    }
  }
}

// The value of `key` in a line of the log.
std::string Field(absl::string_view line, absl::string_view key) {
  for (absl::string_view word : absl::StrSplit(line, ' ')) {
    if (absl::ConsumePrefix(&word, key) && absl::ConsumePrefix(&word, "=")) {
      return std::string(word);
    }
  }
  return "";
}

}  // namespace

std::vector<std::string> Violations(const History& history) {
  Problems problems;
  const Holders holders = CheckLeases(history.events, problems);
  CheckStory(history.story, problems);
  Written before;
  for (size_t i = 0; i < history.readings.size(); ++i) {
    Written written = WrittenIn(history.readings[i], problems);
    if (i > 0) CheckBetween(history.readings[i - 1], before, written, problems);
    before = std::move(written);
  }
  for (const auto& [name, text] : before) {
    if (!holders.contains(name.first)) {
      Add(problems, name.first, ": measurement ", name.second, " of an attempt that nobody had");
    }
  }
  CheckHeard(history.heard, holders, before, problems);
  return problems;
}

std::vector<Acknowledgement> AcknowledgementsIn(const std::string& worker, absl::string_view log) {
  std::vector<Acknowledgement> heard;
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (!absl::StrContains(line, " attempt.acknowledged ")) continue;
    Acknowledgement one{worker, Field(line, "attempt")};
    if (!absl::SimpleAtoi(Field(line, "sequence"), &one.sequence)) continue;
    // What is said of an attempt that is over has no sequence.
    const bool is_over =
        Field(line, "completed") == "1" || Field(line, "directive") == "DIRECTIVE_ABANDON";
    if (one.sequence > 0 || !is_over) heard.push_back(std::move(one));
  }
  return heard;
}

}  // namespace tpsweep
