#include "client/values.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tpsweep::client {
namespace {

// Whole numbers up to here are exact in a double.
constexpr double kMaxWhole = 9007199254740992.0;

bool IsWhole(double number) {
  return std::abs(number) <= kMaxWhole && std::nearbyint(number) == number;
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

bool IsSet(const google::protobuf::Timestamp& time) {
  return time.seconds() != 0 || time.nanos() != 0;
}

// The enumerator's name behind "STUDY_STATE_" and the like.
std::string WithoutPrefix(absl::string_view name, absl::string_view prefix) {
  return std::string(absl::StartsWith(name, prefix) ? name.substr(prefix.size()) : name);
}

}  // namespace

std::string StudyResource(const std::string& name) {
  return absl::StartsWith(name, "studies/") ? name : absl::StrCat("studies/", name);
}

std::string ResourceOf(const std::string& name) {
  if (absl::StartsWith(name, "studies/")) return name;
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  std::string resource = absl::StrCat("studies/", parts[0]);
  constexpr absl::string_view kKinds[] = {"trials", "runs", "attempts"};
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::StrAppend(&resource, "/", i <= std::size(kKinds) ? kKinds[i - 1] : "?", "/", parts[i]);
  }
  return resource;
}

std::string BareName(const std::string& resource) {
  return std::string(absl::StripPrefix(resource, "studies/"));
}

std::string ShortNumber(double number) {
  if (IsWhole(number) && std::abs(number) < 1e9) return absl::StrFormat("%.0f", number);
  return absl::StrFormat("%.4g", number);
}

std::string MetricText(double value) {
  const double size = std::abs(value);
  if (size == 0 || (0.001 <= size && size < 1e5)) return absl::StrFormat("%.4f", value);
  return absl::StrFormat("%.3g", value);
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::Seconds(10)) {
    return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(duration));
  }
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 60) return absl::StrCat(seconds, " s");
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return absl::StrCat(minutes, " min ", seconds % 60, " s");
  const int64_t hours = minutes / 60;
  if (hours < 48) return absl::StrCat(hours, " h ", minutes % 60, " min");
  return absl::StrCat(hours / 24, " days ", hours % 24, " h");
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (!IsSet(time)) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), absl::LocalTimeZone());
}

Json TimeJson(const google::protobuf::Timestamp& time) {
  if (!IsSet(time)) return nullptr;
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", ToTime(time), absl::UTCTimeZone());
}

std::string ParameterText(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return ShortNumber(value.number_value());
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case google::protobuf::Value::kListValue: {
      const auto text = [](std::string* out, const google::protobuf::Value& item) {
        absl::StrAppend(out, ParameterText(item));
      };
      return absl::StrCat("[", absl::StrJoin(value.list_value().values(), ", ", text), "]");
    }
    default:
      return ParameterJson(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

Json ParameterJson(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      if (IsWhole(value.number_value())) return static_cast<int64_t>(value.number_value());
      return value.number_value();
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kBoolValue:
      return value.bool_value();
    case google::protobuf::Value::kListValue: {
      Json list = Json::array();
      for (const auto& item : value.list_value().values()) list.push_back(ParameterJson(item));
      return list;
    }
    case google::protobuf::Value::kStructValue: {
      Json object = Json::object();
      for (const auto& [key, item] : value.struct_value().fields())
        object[key] = ParameterJson(item);
      return object;
    }
    default:
      return nullptr;
  }
}

std::string StateText(v1::StudyState state) {
  return WithoutPrefix(v1::StudyState_Name(state), "STUDY_STATE_");
}
std::string StateText(v1::TrialState state) {
  return WithoutPrefix(v1::TrialState_Name(state), "TRIAL_STATE_");
}
std::string StateText(v1::RunState state) {
  return WithoutPrefix(v1::RunState_Name(state), "RUN_STATE_");
}

int64_t EndedRuns(const v1::RunCounts& counts) {
  return counts.succeeded() + counts.stopped() + counts.infeasible() + counts.failed() +
         counts.cancelled();
}

bool HasEnded(v1::StudyState state) {
  return state == v1::STUDY_STATE_COMPLETED || state == v1::STUDY_STATE_CANCELLED;
}

bool HasEnded(v1::RunState state) {
  return state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_STOPPED ||
         state == v1::RUN_STATE_INFEASIBLE || state == v1::RUN_STATE_FAILED ||
         state == v1::RUN_STATE_CANCELLED;
}

std::string CountsText(const v1::RunCounts& counts) {
  const std::pair<int64_t, absl::string_view> all[] = {
      {counts.running(), "running"}, {counts.queued(), "queued"},
      {counts.paused(), "paused"},   {counts.succeeded(), "succeeded"},
      {counts.stopped(), "stopped"}, {counts.infeasible(), "infeasible"},
      {counts.failed(), "failed"},   {counts.cancelled(), "cancelled"},
  };
  std::vector<std::string> words;
  for (const auto& [count, state] : all) {
    if (count > 0) words.push_back(absl::StrCat(count, " ", state));
  }
  return words.empty() ? "none yet" : absl::StrJoin(words, ", ");
}

std::string SizeText(const v1::StudySpec& spec, int64_t expected_runs) {
  const int64_t replicates = std::max(1, spec.search().replicates());
  const auto some = [](int64_t count, absl::string_view word) {
    return absl::StrCat(count, " ", word, count == 1 ? "" : "s");
  };
  if (expected_runs < 0) return absl::StrCat(some(replicates, "replicate"), " of each trial");
  return absl::StrCat(some(expected_runs / replicates, "trial"), " x ",
                      some(replicates, "replicate"), " = ", some(expected_runs, "run"));
}

std::vector<std::string> ShortNames(absl::Span<const std::string> paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    std::string name = path;
    for (size_t dot = path.rfind('.'); dot != std::string::npos && dot > 0;
         dot = path.rfind('.', dot - 1)) {
      const std::string ending = path.substr(dot);
      const auto clashes = [&](const std::string& other) {
        return other != path && absl::EndsWith(absl::StrCat(".", other), ending);
      };
      if (std::none_of(paths.begin(), paths.end(), clashes)) {
        name = ending.substr(1);
        break;
      }
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace tpsweep::client
