// tpsweep-server: flags, wiring, run, drain. Exit status: 0 done, 1 error, 2 usage.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "server/compact_command.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/ticker.h"
#include "server/rpc/acceptor.h"
#include "server/rpc/rpc_server.h"
#include "server/rpc/standby_server.h"
#include "server/server_flags.h"
#include "server/simulate_command.h"
#include "server/store/folder_checkpoints.h"
#include "server/store/leadership.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_checkpoints.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_maintenance.h"
#include "server/store/sqlite_store.h"

namespace tpsweep::server {
namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;
constexpr absl::Duration kDrainPatience = absl::Seconds(2);
// How often a leader looks whether it still is, and another whether it can be.
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
constexpr absl::Duration kTakeInterval = absl::Seconds(1);

struct Storage {
  std::unique_ptr<Store> store;
  std::unique_ptr<CheckpointStore> checkpoints;
};

absl::StatusOr<Storage> OpenSqlite(const ServerFlags& flags) {
  const std::filesystem::path folder = std::filesystem::path(flags.store).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot create folder ", folder.string(), ": ", error.message()));
  }
  Storage storage;
  TP_ASSIGN_OR_RETURN(storage.store, SqliteStore::Open(flags.store));
  TP_ASSIGN_OR_RETURN(storage.checkpoints, FolderCheckpoints::Open(flags.checkpoints));
  return storage;
}

absl::StatusOr<Storage> OpenPostgres(const Leadership& leadership) {
  Storage storage;
  TP_ASSIGN_OR_RETURN(storage.store, PostgresStore::Open(leadership.writer(), leadership.epoch()));
  TP_ASSIGN_OR_RETURN(storage.checkpoints,
                      PostgresCheckpoints::Open(leadership.writer(), leadership.epoch()));
  return storage;
}

// `leadership` is that of a PostgreSQL store; the others have but one server, which leads.
absl::StatusOr<Storage> OpenStorage(const ServerFlags& flags, const Leadership* leadership) {
  if (leadership != nullptr) return OpenPostgres(*leadership);
  if (flags.store == "memory") {
    return Storage{std::make_unique<MemoryStore>(), std::make_unique<MemoryCheckpoints>()};
  }
  return OpenSqlite(flags);
}

// For people: without user, password and options.
std::string StoreName(const ServerFlags& flags) {
  if (!flags.is_postgres) return flags.store;
  const std::string rest = flags.store.substr(flags.store.find("://") + 3);
  const std::string where = rest.substr(rest.find('@') + 1);  // from 0 if there is no @
  return absl::StrCat("postgres://", where.substr(0, where.find('?')));
}

// Under which others reach a server that listens on `address`.
std::string ReachableAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  if (host != "0.0.0.0" && host != "[::]") return address;
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return absl::StrCat(name, address.substr(colon));
}

// All threads inherit the mask, so that only WaitForSignal gets these.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Whether one of `signals` came within `limit`.
bool WaitForSignal(const sigset_t& signals, absl::Duration limit) {
  const timespec duration = absl::ToTimespec(limit);
  return sigtimedwait(&signals, nullptr, &duration) > 0;
}

// The port file first: who waits for it may look for the line next.
absl::Status Announce(const ServerFlags& flags, const std::string& address,
                      const std::string& does) {
  if (!flags.port_file.empty()) TP_RETURN_IF_ERROR(WriteFileAtomically(flags.port_file, address));
  std::printf("tpsweep-server %s %s on %s, store %s\n", TPSWEEP_VERSION, does.c_str(),
              address.c_str(), StoreName(flags).c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

enum class End { kSignal, kNotLeading };

// Serves until a signal comes, or another coordinator may lead. `standby`, if there is one,
// has the address until then.
absl::StatusOr<End> Serve(const ServerFlags& flags, ListenOptions& listen, const sigset_t& signals,
                          Leadership* leadership, std::unique_ptr<StandbyServer> standby) {
  Clock& clock = Clock::Real();
  TP_ASSIGN_OR_RETURN(const Storage storage, OpenStorage(flags, leadership));
  StoreWriter writer({}, *storage.store, clock);
  CoordinatorOptions options;
  options.lease_ttl = flags.lease_ttl;
  options.checkpoint_quota = flags.checkpoint_quota;
  options.version = TPSWEEP_VERSION;
  TP_ASSIGN_OR_RETURN(
      const std::unique_ptr<Coordinator> coordinator,
      Coordinator::Open(options, *storage.store, *storage.checkpoints, writer, clock));
  RpcServer rpc(*storage.store, writer, *coordinator);
  writer.Start();
  auto ticker = std::make_unique<Ticker>(clock, std::min(flags.lease_ttl / 8, absl::Seconds(1)),
                                         [&coordinator] { coordinator->Tick(); });
  standby.reset();
  absl::Status started = rpc.Start(listen);
  if (started.ok()) {
    listen.address = rpc.address();
    started = Announce(flags, rpc.address(), "listens");
  }
  End end = End::kSignal;
  if (started.ok()) {
    while (!WaitForSignal(signals, kLookInterval)) {
      if (leadership == nullptr || leadership->Leads()) continue;
      end = End::kNotLeading;
      break;
    }
    Log(LogLevel::kInfo, "server.draining",
        {{"why", end == End::kSignal ? "told to stop" : "does not lead any more"}});
  }
  // What a server that leads no more has not written is not to be written by it.
  const absl::Duration patience = end == End::kSignal ? kDrainPatience : absl::ZeroDuration();
  ticker.reset();
  coordinator->Drain();
  rpc.Drain();
  writer.Stop(patience);
  rpc.Stop(patience);
  TP_RETURN_IF_ERROR(started);
  if (end == End::kNotLeading) return end;
  TP_RETURN_IF_ERROR(writer.Status());
  return end;
}

// Stands by until `leadership` is ours, or a signal comes (false). Before it has said that it
// stands by, a database that cannot be used is an error; later it is waited for.
absl::StatusOr<bool> StandBy(const ServerFlags& flags, StandbyServer& standby,
                             Leadership& leadership, const sigset_t& signals, bool& has_announced) {
  bool is_loss_logged = false;
  do {
    const absl::StatusOr<bool> taken = leadership.Take();
    if (!taken.ok() && !(has_announced && absl::IsUnavailable(taken.status()))) {
      return taken.status();
    }
    if (!taken.ok() && !is_loss_logged) {
      Log(LogLevel::kWarning, "store.unreachable", {{"why", taken.status().message()}});
    }
    is_loss_logged = !taken.ok();
    if (taken.value_or(false)) {
      Log(LogLevel::kInfo, "server.leads", {{"epoch", leadership.epoch()}});
      return true;
    }
    standby.SetLeader(leadership.leader_address());
    if (!has_announced) {
      TP_RETURN_IF_ERROR(Announce(flags, standby.address(), "stands by"));
      has_announced = true;
    }
  } while (!WaitForSignal(signals, kTakeInterval));
  return false;
}

// One of several coordinators on a database: stands by, leads, and stands by again when
// another has taken over.
absl::Status TakeTurns(const ServerFlags& flags, const sigset_t& signals) {
  ListenOptions listen = flags.listen;
  bool has_announced = false;
  while (true) {
    auto standby = std::make_unique<StandbyServer>();
    TP_RETURN_IF_ERROR(standby->Start(listen));
    listen.address = standby->address();
    Leadership leadership({.uri = flags.store, .address = ReachableAddress(listen.address)},
                          Clock::Real());
    TP_ASSIGN_OR_RETURN(const bool leads,
                        StandBy(flags, *standby, leadership, signals, has_announced));
    if (!leads) return absl::OkStatus();
    has_announced = true;
    TP_ASSIGN_OR_RETURN(const End end,
                        Serve(flags, listen, signals, &leadership, std::move(standby)));
    if (end == End::kSignal) return absl::OkStatus();
    Log(LogLevel::kWarning, "server.stands_by");
  }
}

absl::Status Run(const ServerFlags& flags) {
  RaiseDescriptorLimit();
  const sigset_t signals = BlockSignals();
  if (flags.is_postgres) {
    TP_RETURN_IF_ERROR(TakeTurns(flags, signals));
  } else {
    ListenOptions listen = flags.listen;
    TP_RETURN_IF_ERROR(Serve(flags, listen, signals, nullptr, nullptr).status());
  }
  Log(LogLevel::kInfo, "server.stopped");
  return absl::OkStatus();
}

absl::Status Do(const ServerFlags& flags) {
  switch (flags.action) {
    case ServerFlags::Action::kServe:
      return Run(flags);
    case ServerFlags::Action::kBackUp:
      TP_RETURN_IF_ERROR(BackUpSqliteStore(flags.store, flags.file));
      std::printf("%s: a copy of %s, checked\n", flags.file.c_str(), flags.store.c_str());
      return absl::OkStatus();
    case ServerFlags::Action::kRestore:
      TP_RETURN_IF_ERROR(RestoreSqliteStore(flags.file, flags.store));
      std::printf("%s: restored from %s\n", flags.store.c_str(), flags.file.c_str());
      return absl::OkStatus();
    case ServerFlags::Action::kCheck:
      TP_RETURN_IF_ERROR(CheckSqliteStore(flags.store));
      std::printf("%s: ok\n", flags.store.c_str());
      return absl::OkStatus();
    case ServerFlags::Action::kCompact:
      return CompactStore(flags);
    case ServerFlags::Action::kRecord:
      return RecordStudy(flags);
    case ServerFlags::Action::kSimulate:
      return SimulateSweeps(flags.simulate);
  }
  return absl::OkStatus();
}

int Fail(const absl::Status& why, int exit_status) {
  std::fprintf(stderr, "tpsweep-server: %s\n", std::string(why.message()).c_str());
  return exit_status;
}

int Main(int argc, char** argv) {
  ServerFlags flags;
  int exit_status = 0;
  if (!ParseFlags(argc, argv, flags, exit_status)) return exit_status;
  SetLogLevel(flags.log_level);
  // Before anything is touched: a bad address is a mistake of usage.
  if (absl::Status legal = MakeCredentials(flags.listen).status(); !legal.ok()) {
    return Fail(legal, kUsage);
  }
  const absl::Status status = Do(flags);
  return status.ok() ? 0 : Fail(status, kError);
}

}  // namespace
}  // namespace tpsweep::server

int main(int argc, char** argv) { return tpsweep::server::Main(argc, argv); }
