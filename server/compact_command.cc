#include "server/compact_command.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "server/coordinator/compaction.h"
#include "server/store/leadership.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_store.h"

namespace tpsweep::server {
namespace {

absl::Status CompactOpened(const CompactFlags& flags, Store& store) {
  const absl::Time now = Clock::Real().WallNow();
  const CompactionOptions options = {.ended_before = now - absl::Hours(24 * flags.older_than_days),
                                     .keep_every = flags.keep_every,
                                     .is_dry = flags.is_dry};
  TP_ASSIGN_OR_RETURN(const std::vector<CompactedStudy> studies, Compact(options, store, now));
  const char* const what = flags.is_dry ? "would be removed" : "removed";
  int64_t measurements = 0;
  int64_t removed = 0;
  const auto print = [what](const std::string& who, int64_t gone, int64_t all) {
    std::printf("%s: %lld of %lld measurements %s\n", who.c_str(), static_cast<long long>(gone),
                static_cast<long long>(all), what);
  };
  for (const CompactedStudy& study : studies) {
    print(study.name, study.removed, study.measurements);
    measurements += study.measurements;
    removed += study.removed;
  }
  print(absl::StrCat(studies.size(), studies.size() == 1 ? " study" : " studies"), removed,
        measurements);
  return flags.is_dry || removed == 0 ? absl::OkStatus() : store.GiveBackRoom();
}

absl::Status CompactPostgres(const ServerFlags& flags) {
  // Its epoch is what makes the writes legal. Nobody is to be sent here: no address.
  Leadership leadership({.uri = flags.store, .address = ""}, Clock::Real());
  TP_ASSIGN_OR_RETURN(const bool leads, leadership.Take());
  if (!leads) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a server leads on this database", leadership.leader_address().empty() ? "" : ": ",
        leadership.leader_address(), "; stop all of them, or wait 6 seconds if you did"));
  }
  TP_ASSIGN_OR_RETURN(const auto store,
                      PostgresStore::Open(leadership.writer(), leadership.epoch()));
  return CompactOpened(flags.compact, *store);
}

}  // namespace

absl::Status CompactStore(const ServerFlags& flags) {
  if (flags.is_postgres) return CompactPostgres(flags);
  // Opening would create it.
  if (!std::filesystem::exists(flags.store)) {
    return absl::NotFoundError(absl::StrCat(flags.store, ": there is no such store"));
  }
  TP_ASSIGN_OR_RETURN(const auto store, SqliteStore::Open(flags.store));
  return CompactOpened(flags.compact, *store);
}

}  // namespace tpsweep::server
