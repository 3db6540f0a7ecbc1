// Values as people and programs read them: numbers, times, parameters, states.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/output.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// studies/NAME of NAME or of studies/NAME.
std::string StudyResource(const std::string& name);
// The resource that people call S, S/3 (trial 3) or S/3/0 (its run 0); resource names stay.
std::string ResourceOf(const std::string& name);
// NAME of studies/NAME.
std::string BareName(const std::string& resource);

// Four digits, as a table needs: 0.1234, 0.00026, 1.23e-06, 256.
std::string ShortNumber(double number);

// A metric, with as many digits behind the point in every row: 0.1234.
std::string MetricText(double value);

// 12.3 s, 2 min 5 s, 3 h 20 min.
std::string DurationText(absl::Duration duration);

// 2026-11-23 14:45:12, in the zone of the machine; empty if not set.
std::string TimeText(const google::protobuf::Timestamp& time);
// RFC 3339 in UTC, or null.
Json TimeJson(const google::protobuf::Timestamp& time);

// A parameter's value: 0.00026, tanh, [256, 256].
std::string ParameterText(const google::protobuf::Value& value);
Json ParameterJson(const google::protobuf::Value& value);

// The enumerator without its prefix: SUCCEEDED.
std::string StateText(v1::StudyState state);
std::string StateText(v1::TrialState state);
std::string StateText(v1::RunState state);

int64_t EndedRuns(const v1::RunCounts& counts);
bool HasEnded(v1::StudyState state);
bool HasEnded(v1::RunState state);

// "2 running, 3 queued, 7 succeeded": what is not zero.
std::string CountsText(const v1::RunCounts& counts);

// "6 trials x 2 replicates = 12 runs" of a complete spec; without numbers that
// only the server knows (-1).
std::string SizeText(const v1::StudySpec& spec, int64_t expected_runs);

// For each path the shortest ending, cut at a dot, that no other path has:
// training.forward.lr is "lr", or "forward.lr" beside training.feedback.lr.
std::vector<std::string> ShortNames(absl::Span<const std::string> paths);

}  // namespace tpsweep::client
