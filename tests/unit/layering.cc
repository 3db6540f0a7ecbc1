#include "tests/unit/layering.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tpsweep {
namespace {

// Where files live (a prefix of their paths) and which headers of ours they may
// include beside those of their own room.
struct Room {
  const char* path;
  std::vector<const char*> headers;
};

// The first that fits a file holds.
const std::vector<Room>& Rooms() {
  static const auto* const rooms = new std::vector<Room>{
      {"common/spec/", {"common/", "proto/", "tpsweep/v1/"}},
      {"common/statistics/", {"common/random.h"}},
      {"common/training/", {"common/status_macros.h", "tpsweep/v1/training.pb.h"}},
      // Files, not folders: common/spec lies above.
      {"common/",
       {"common/clock.h", "common/descriptor.h", "common/failpoint.h", "common/file.h",
        "common/huge_pages.h", "common/log.h", "common/mutex.h", "common/names.h",
        "common/random.h", "common/sha256.h", "common/status_macros.h", "common/svg.h"}},
      {"server/search/", {"common/", "tpsweep/v1/"}},
      {"server/schedule/", {"common/", "tpsweep/v1/"}},
      {"server/store/", {"common/", "tpsweep/v1/"}},
      {"server/coordinator/",
       {"common/", "tpsweep/v1/", "server/schedule/", "server/search/", "server/store/"}},
      // Reads come from the store's snapshots, through its interface.
      {"server/rpc/", {"common/", "tpsweep/v1/", "server/coordinator/", "server/store/store.h"}},
      {"server/simulate/",
       {"common/", "tpsweep/v1/", "server/coordinator/", "server/search/", "server/store/store.h"}},
      {"server/", {"common/", "tpsweep/v1/"}},
      {"worker/trainer/", {"common/", "tpsweep/v1/training.pb.h", "tpsweep/v1/measurement.pb.h"}},
      {"worker/toy/",
       {"common/", "tpsweep/v1/training.pb.h", "tpsweep/v1/measurement.pb.h", "worker/trainer/"}},
      {"worker/bench/",
       {"common/", "tpsweep/v1/training.pb.h", "tpsweep/v1/measurement.pb.h", "worker/trainer/"}},
      {"worker/agent/", {"common/", "tpsweep/v1/", "worker/trainer/"}},
      {"worker/rpc/", {"common/", "tpsweep/v1/", "worker/agent/"}},
      {"worker/", {"common/", "presets/", "tpsweep/v1/"}},
      {"client/", {"common/", "presets/", "tpsweep/v1/"}},
  };
  return *rooms;
}

// What a room may not include though the table above would let it.
const std::vector<Room>& Exceptions() {
  static const auto* const exceptions = new std::vector<Room>{
      {"worker/trainer/", {"common/spec/"}},
      {"common/spec/", {"tpsweep/v1/sweep_service", "tpsweep/v1/worker_service"}},
      {"server/search/", {"tpsweep/v1/sweep_service", "tpsweep/v1/worker_service"}},
      {"server/store/", {"tpsweep/v1/sweep_service", "tpsweep/v1/worker_service"}},
  };
  return *exceptions;
}

// A piece of text and the only files (by prefix) that may have it.
struct Reserved {
  const char* text;
  std::vector<const char*> in;
  const char* why;
};

const std::vector<Reserved>& ReservedTexts() {
  static const auto* const texts = new std::vector<Reserved>{
      {"#include <grpc",
       {"server/rpc/", "worker/rpc/", "client/"},
       "gRPC stays in the rpc rooms and the client"},
      {"#include \"grpc",
       {"server/rpc/", "worker/rpc/", "client/"},
       "gRPC stays in the rpc rooms and the client"},
      {".grpc.pb.h",
       {"server/rpc/", "worker/rpc/", "client/"},
       "gRPC stays in the rpc rooms and the client"},
      {"sqlite3.h", {"server/store/"}, "SQL stays in the store"},
      {"libpq-fe.h", {"server/store/"}, "SQL stays in the store"},
      {"<boost/",
       {"common/statistics/distributions.cc"},
       "distribution functions have names of ours in common/statistics/distributions.h"},
      {"std::mutex", {"common/mutex.h"}, "use common/mutex.h"},
      {"absl::Mutex", {"common/mutex.h"}, "use common/mutex.h"},
      {"std::condition_variable", {"common/mutex.h"}, "use common/mutex.h"},
      {"std::string_view", {}, "use absl::string_view"},
      {"<string_view>", {}, "use absl::string_view"},
      {"<omp.h>", {"worker/trainer/parallel.cc"}, "threads are started in parallel.cc only"},
      {"#pragma omp parallel",
       {"worker/trainer/parallel.cc"},
       "threads are started in parallel.cc only"},
      {"#pragma omp", {"worker/trainer/"}, "OpenMP stays in the trainer"},
  };
  return *texts;
}

bool StartsWithAny(absl::string_view text, const std::vector<const char*>& prefixes) {
  for (const char* prefix : prefixes) {
    if (absl::StartsWith(text, prefix)) return true;
  }
  return false;
}

// The header of `#include "header"`, if the line is one.
absl::string_view OwnInclude(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "#include \"")) return "";
  return line.substr(0, line.find('"'));
}

bool IsOurs(absl::string_view header) {
  return StartsWithAny(header, {"common/", "server/", "worker/", "client/", "tests/", "presets/",
                                "proto/", "tpsweep/v1/"});
}

bool MayInclude(const std::string& path, absl::string_view header) {
  if (!IsOurs(header)) return true;
  for (const Room& room : Exceptions()) {
    if (absl::StartsWith(path, room.path) && StartsWithAny(header, room.headers)) return false;
  }
  for (const Room& room : Rooms()) {
    if (!absl::StartsWith(path, room.path)) continue;
    const bool is_own =
        absl::StartsWith(header, room.path) && room.path != absl::string_view("common/");
    return is_own || StartsWithAny(header, room.headers);
  }
  return true;
}

}  // namespace

std::vector<std::string> LayeringViolations(const std::string& path, absl::string_view text) {
  std::vector<std::string> violations;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const std::string at = absl::StrCat(path, ":", number, ": ");
    if (const absl::string_view header = OwnInclude(line); !MayInclude(path, header)) {
      violations.push_back(absl::StrCat(at, "may not include ", header));
    }
    const absl::string_view code = line.substr(0, line.find("//"));
    for (const Reserved& reserved : ReservedTexts()) {
      if (absl::StrContains(code, reserved.text) && !StartsWithAny(path, reserved.in)) {
        violations.push_back(absl::StrCat(at, reserved.text, ": ", reserved.why));
      }
    }
  }
  return violations;
}

}  // namespace tpsweep
