#include "server/coordinator/check_messages.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/names.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

constexpr size_t kMaxName = 128;
constexpr int kMaxSlots = 4096;
constexpr int kMaxDatasets = 1000;
constexpr int kMaxMeasurements = 10'000;
constexpr int kMaxScalars = 1000;
constexpr int kMaxVectors = 200;
constexpr int kMaxVectorItems = 10'000;
constexpr int64_t kMaxCheckpointBytes = int64_t{16} << 30;

// For messages: foreign text is quoted and cut.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)), text.size() > 80 ? "..." : "",
                      "'");
}

absl::Status CheckText(absl::string_view field, absl::string_view text, size_t min, size_t max) {
  const bool is_printable = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (is_printable && text.size() >= min && text.size() <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", Quoted(text), " is not ", min, " to ",
                                                 max,
                                                 " printable ASCII characters without spaces"));
}

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, " is not in [", min, ", ", max, "]"));
}

absl::Status CheckMetricName(absl::string_view field, absl::string_view name) {
  const bool is_legal =
      !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/' ||
               c == '.' || c == '-';
      });
  if (is_legal) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", Quoted(name), " is not 1 to ",
                                                 kMaxName, " of letters, digits and _/.-"));
}

absl::Status CheckMeasurement(const v1::Measurement& measurement) {
  constexpr int64_t kMax = int64_t{1} << 62;
  TP_RETURN_IF_ERROR(CheckRange("measurement.sequence", measurement.sequence(), 1, kMax));
  TP_RETURN_IF_ERROR(CheckRange("measurement.step", measurement.step(), 0, kMax));
  TP_RETURN_IF_ERROR(CheckRange("measurement.epoch", measurement.epoch(), 0, kMax));
  if (!std::isfinite(measurement.wall_seconds()) || measurement.wall_seconds() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "measurement.wall_seconds: ", measurement.wall_seconds(), " is not a duration"));
  }
  TP_RETURN_IF_ERROR(
      CheckRange("number of measurement.scalars", measurement.scalars_size(), 0, kMaxScalars));
  TP_RETURN_IF_ERROR(
      CheckRange("number of measurement.vectors", measurement.vectors_size(), 0, kMaxVectors));
  for (const auto& [name, value] : measurement.scalars()) {
    TP_RETURN_IF_ERROR(CheckMetricName("measurement.scalars", name));
  }
  for (const auto& [name, vector] : measurement.vectors()) {
    TP_RETURN_IF_ERROR(CheckMetricName("measurement.vectors", name));
    TP_RETURN_IF_ERROR(
        CheckRange(absl::StrCat("length of ", name), vector.values_size(), 0, kMaxVectorItems));
  }
  return absl::OkStatus();
}

}  // namespace

std::string CutMessage(const std::string& text) {
  constexpr size_t kMaxMessage = 4096;
  if (text.size() <= kMaxMessage) return text;
  size_t end = kMaxMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

absl::Status Check(const v1::Hello& hello) {
  if (hello.protocol_version() != kProtocolVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the worker speaks protocol version ", hello.protocol_version(),
                     ", this server version ", kProtocolVersion, "; use the same release of both"));
  }
  TP_RETURN_IF_ERROR(CheckText("hello.worker_id", hello.worker_id(), 1, kMaxName));
  TP_RETURN_IF_ERROR(CheckText("hello.incarnation", hello.incarnation(), 1, kMaxName));
  TP_RETURN_IF_ERROR(CheckText("hello.host", hello.host(), 0, 256));
  TP_RETURN_IF_ERROR(CheckText("hello.version", hello.version(), 0, kMaxName));
  TP_RETURN_IF_ERROR(CheckRange("hello.slots", hello.slots(), 1, kMaxSlots));
  TP_RETURN_IF_ERROR(
      CheckRange("number of hello.datasets", hello.datasets_size(), 0, kMaxDatasets));
  for (const std::string& dataset : hello.datasets()) {
    TP_RETURN_IF_ERROR(CheckText("hello.datasets", dataset, 1, kMaxName));
  }
  TP_RETURN_IF_ERROR(
      CheckRange("number of hello.held_attempts", hello.held_attempts_size(), 0, 2 * kMaxSlots));
  for (const std::string& attempt : hello.held_attempts()) {
    TP_RETURN_IF_ERROR(ParseAttemptName(attempt).status());
  }
  TP_RETURN_IF_ERROR(CheckRange("number of hello.crashes", hello.crashes_size(), 0, 2 * kMaxSlots));
  for (const v1::Crash& crash : hello.crashes()) {
    TP_RETURN_IF_ERROR(ParseAttemptName(crash.attempt()).status());
    TP_RETURN_IF_ERROR(CheckText("hello.crashes.what", crash.what(), 1, kMaxName));
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::FreeSlots& free_slots) {
  return CheckRange("free_slots.count", free_slots.count(), 0, kMaxSlots);
}

absl::Status Check(const v1::Report& report) {
  TP_RETURN_IF_ERROR(ParseAttemptName(report.attempt()).status());
  TP_RETURN_IF_ERROR(
      CheckRange("number of report.measurements", report.measurements_size(), 0, kMaxMeasurements));
  for (const v1::Measurement& measurement : report.measurements()) {
    TP_RETURN_IF_ERROR(CheckMeasurement(measurement));
  }
  return report.has_checkpoint() ? Check(report.checkpoint()) : absl::OkStatus();
}

absl::Status Check(const v1::Checkpoint& checkpoint) {
  constexpr int64_t kMax = int64_t{1} << 62;
  TP_RETURN_IF_ERROR(CheckRange("checkpoint.number", checkpoint.number(), 1, kMax));
  TP_RETURN_IF_ERROR(CheckRange("checkpoint.epoch", checkpoint.epoch(), 0, kMax));
  TP_RETURN_IF_ERROR(CheckRange("checkpoint.sequence", checkpoint.sequence(), 0, kMax));
  TP_RETURN_IF_ERROR(CheckRange("checkpoint.bytes", checkpoint.bytes(), 1, kMaxCheckpointBytes));
  if (IsSha256(checkpoint.sha256())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("checkpoint.sha256: ", Quoted(checkpoint.sha256()),
                                                 " is not 64 lower-case hexadecimal digits"));
}

absl::Status Check(const v1::Completion& completion) {
  TP_RETURN_IF_ERROR(ParseAttemptName(completion.attempt()).status());
  TP_RETURN_IF_ERROR(Check(completion.free_slots()));
  if (completion.last_sequence() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("completion.last_sequence: ", completion.last_sequence(), " is below 0"));
  }
  if (!(completion.mean_threads() >= 0 && completion.mean_threads() <= kMaxSlots)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "completion.mean_threads: ", completion.mean_threads(), " is not in [0, ", kMaxSlots, "]"));
  }
  switch (completion.outcome()) {
    case v1::ATTEMPT_OUTCOME_COMPLETED:
    case v1::ATTEMPT_OUTCOME_INFEASIBLE:
    case v1::ATTEMPT_OUTCOME_FAILED:
    case v1::ATTEMPT_OUTCOME_PREEMPTED:
    case v1::ATTEMPT_OUTCOME_PAUSED:
    case v1::ATTEMPT_OUTCOME_TIMED_OUT:
    case v1::ATTEMPT_OUTCOME_CANCELLED:
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "completion.outcome: ", static_cast<int>(completion.outcome()),
          " is not COMPLETED, INFEASIBLE, FAILED, PREEMPTED, PAUSED, TIMED_OUT or CANCELLED"));
  }
}

}  // namespace tpsweep::server
