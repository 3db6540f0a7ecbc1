#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "common/mutex.h"

namespace tpsweep {
namespace {

struct SinkHolder {
  Mutex mu;
  LogSink sink ABSL_GUARDED_BY(mu);
};

SinkHolder& Holder() {
  static SinkHolder* const holder = new SinkHolder;
  return *holder;
}

spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger("tpsweep", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Quotes what would not read back as one word.
std::string Quoted(const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"=\n\t") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + '"';
}

}  // namespace

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields) {
  if (!Logger().should_log(ToSpdlog(level))) return;
  std::string line(event);
  for (const LogField& field : fields)
    absl::StrAppend(&line, " ", field.key, "=", Quoted(field.value));
  SinkHolder& holder = Holder();
  {
    MutexLock lock(holder.mu);
    if (holder.sink) {
      holder.sink(level, line);
      return;
    }
  }
  Logger().log(ToSpdlog(level), line);
}

void SetLogLevel(LogLevel level) { Logger().set_level(ToSpdlog(level)); }

void SetLogSink(LogSink sink) {
  SinkHolder& holder = Holder();
  MutexLock lock(holder.mu);
  holder.sink = std::move(sink);
}

}  // namespace tpsweep
