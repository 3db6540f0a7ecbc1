// Log events, not prose: a stable event name and key=value pairs, one line a
// state change, on standard error.
//
//   Log(LogLevel::kInfo, "lease.expired", {{"attempt", name}, {"worker", id}});
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tpsweep {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Text or a number.
struct LogField {
  LogField(absl::string_view k, const absl::AlphaNum& v) : key(k), value(v.Piece()) {}
  absl::string_view key;
  std::string value;
};

// Thread-safe.
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields = {});

// Below this level nothing is written. Default: kInfo.
void SetLogLevel(LogLevel level);

// Replaces standard error, for tests; an empty function restores it.
using LogSink = std::function<void(LogLevel, absl::string_view line)>;
void SetLogSink(LogSink sink);

}  // namespace tpsweep
