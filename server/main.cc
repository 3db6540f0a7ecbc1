// tpsweep-server: flags, wiring, run, drain. Exit status: 0 done, 1 error, 2 usage.
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
#include "server/coordinator/coordinator.h"
#include "server/coordinator/ticker.h"
#include "server/rpc/rpc_server.h"
#include "server/server_flags.h"
#include "server/store/folder_checkpoints.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"

namespace tpsweep::server {
namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;
constexpr absl::Duration kDrainPatience = absl::Seconds(2);

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& path) {
  if (path == "memory") return std::make_unique<MemoryStore>();
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot create folder ", folder.string(), ": ", error.message()));
  }
  return SqliteStore::Open(path);
}

absl::StatusOr<std::unique_ptr<CheckpointStore>> OpenCheckpoints(const ServerFlags& flags) {
  if (flags.store == "memory") return std::make_unique<MemoryCheckpoints>();
  return FolderCheckpoints::Open(flags.checkpoints);
}

// All threads inherit the mask, so that only Wait gets these.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

absl::Status Run(const ServerFlags& flags) {
  const sigset_t signals = BlockSignals();
  Clock& clock = Clock::Real();
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, OpenStore(flags.store));
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointStore> checkpoints, OpenCheckpoints(flags));
  StoreWriter writer({}, *store, clock);
  CoordinatorOptions options;
  options.lease_ttl = flags.lease_ttl;
  options.checkpoint_quota = flags.checkpoint_quota;
  options.version = TPSWEEP_VERSION;
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<Coordinator> coordinator,
                      Coordinator::Open(options, *store, *checkpoints, writer, clock));
  RpcServer rpc(*store, writer, *coordinator);
  writer.Start();
  auto ticker = std::make_unique<Ticker>(clock, std::min(flags.lease_ttl / 8, absl::Seconds(1)),
                                         [&coordinator] { coordinator->Tick(); });
  absl::Status started = rpc.Start(flags.listen);
  if (started.ok() && !flags.port_file.empty()) {
    started = WriteFileAtomically(flags.port_file, rpc.address());
  }
  int signal = 0;
  if (started.ok()) {
    std::printf("tpsweep-server %s listens on %s, store %s\n", TPSWEEP_VERSION,
                rpc.address().c_str(), flags.store.c_str());
    std::fflush(stdout);
    sigwait(&signals, &signal);
    Log(LogLevel::kInfo, "server.draining", {{"signal", signal}});
  }
  ticker.reset();
  coordinator->Drain();
  rpc.Drain();
  writer.Stop(kDrainPatience);
  rpc.Stop(kDrainPatience);
  TP_RETURN_IF_ERROR(started);
  Log(LogLevel::kInfo, "server.stopped");
  return writer.Status();
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
  const absl::Status status = Run(flags);
  return status.ok() ? 0 : Fail(status, kError);
}

}  // namespace
}  // namespace tpsweep::server

int main(int argc, char** argv) { return tpsweep::server::Main(argc, argv); }
