#include "server/simulate_command.h"

#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status_macros.h"
#include "server/simulate/recording.h"
#include "server/store/sqlite_store.h"

namespace tpsweep::server {
namespace {

constexpr int64_t kMaxRecordingBytes = int64_t{256} << 20;
constexpr int64_t kMaxSpecBytes = int64_t{16} << 20;

absl::StatusOr<std::string> ReadText(const std::string& path, int64_t max_bytes) {
  absl::StatusOr<std::string> text = ReadFile(path, max_bytes);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  return text;
}

}  // namespace

absl::Status RecordStudy(const ServerFlags& flags) {
  // Opening would create it.
  if (!std::filesystem::exists(flags.store)) {
    return absl::NotFoundError(absl::StrCat(flags.store, ": there is no such store"));
  }
  TP_ASSIGN_OR_RETURN(const auto store, SqliteStore::Open(flags.store));
  TP_ASSIGN_OR_RETURN(const v1::Recording recording, Record(*store, flags.study));
  TP_RETURN_IF_ERROR(WriteFileAtomically(flags.file, ToText(recording)));
  std::printf("%s: %d curves of study %s\n", flags.file.c_str(), recording.curves_size(),
              flags.study.c_str());
  return absl::OkStatus();
}

absl::Status SimulateSweeps(const SimulateFlags& flags) {
  TP_ASSIGN_OR_RETURN(const std::string text, ReadText(flags.curves, kMaxRecordingBytes));
  TP_ASSIGN_OR_RETURN(v1::Recording recording, ParseRecording(text, flags.curves));
  if (flags.takes_best_so_far) TakeBestSoFar(recording);
  const RecordedCurves curves(std::move(recording));
  std::vector<SimulatedSweep> sweeps;
  for (const std::string& file : flags.sweeps) {
    TP_ASSIGN_OR_RETURN(const std::string sweep, ReadText(file, kMaxSpecBytes));
    TP_ASSIGN_OR_RETURN(sweeps.emplace_back(), ReadSimulatedSweep(sweep, file, curves.spec()));
  }
  const std::vector<SweepFigures> figures = CompareSweeps(curves, sweeps, flags.comparison);
  std::printf("%d recorded trials of %lld epochs, best %g; means over %d seeds\n", curves.size(),
              static_cast<long long>(curves.spec().training().epochs()), curves.Best(),
              flags.comparison.seeds);
  std::fputs(ToTable(figures).c_str(), stdout);
  if (flags.csv.empty()) return absl::OkStatus();
  return WriteFileAtomically(flags.csv, ToCsv(figures));
}

}  // namespace tpsweep::server
