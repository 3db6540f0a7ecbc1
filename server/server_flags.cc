#include "server/server_flags.h"

#include <cstdlib>
#include <filesystem>
#include <map>

#include "CLI/CLI.hpp"

namespace tpsweep::server {
namespace {

constexpr int kUsage = 2;

// $XDG_STATE_HOME/tpsweep/tpsweep.db, or ~/.local/state/tpsweep/tpsweep.db.
std::string DefaultStore() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder = ".";
  if (state != nullptr && *state != '\0') {
    folder = state;
  } else if (home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".local" / "state";
  }
  return (folder / "tpsweep" / "tpsweep.db").string();
}

// For CLI11: empty if `text` is a duration of at least a second.
std::string CheckTtl(const std::string& text) {
  absl::Duration ttl;
  if (absl::ParseDuration(text, &ttl) && ttl >= absl::Seconds(1) && ttl <= absl::Hours(24))
    return "";
  return "'" + text + "' is not a duration from 1s to 24h, such as 30s or 2m";
}

const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                 {"info", LogLevel::kInfo},
                                                 {"warning", LogLevel::kWarning},
                                                 {"error", LogLevel::kError}};

std::string CheckLevel(const std::string& text) {
  return kLevels.contains(text) ? "" : "'" + text + "' is not debug, info, warning or error";
}

bool NeedsSqlite(ServerFlags::Action action) {
  using Action = ServerFlags::Action;
  return action == Action::kBackUp || action == Action::kRestore || action == Action::kCheck ||
         action == Action::kRecord;
}

void AddCompact(CLI::App& sub, CompactFlags& flags) {
  sub.add_option("--older-than", flags.older_than_days, "Days since the end of a study")
      ->required()
      ->check(CLI::Range(0.0, 1e5));
  sub.add_option("--keep-every", flags.keep_every,
                 "Every so many-th epoch is left, and those that matter whatever their number")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  sub.add_flag("--dry-run", flags.is_dry, "Only say what would be removed");
}

void AddSimulate(CLI::App& sub, SimulateFlags& flags) {
  sub.add_option("SWEEP", flags.sweeps,
                 "Sweep files with only search and budget; the first is what others are compared "
                 "with")
      ->required()
      ->check(CLI::ExistingFile);
  sub.add_option("--curves", flags.curves, "What record has written")
      ->required()
      ->check(CLI::ExistingFile);
  sub.add_flag("--best-so-far", flags.takes_best_so_far,
               "A run is worth its best epoch so far, as with the objective "
               "selected/validation_error");
  sub.add_option("--slots", flags.comparison.slots, "Runs at a time: 1,4,16")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  sub.add_option("--seeds", flags.comparison.seeds, "Studies with the seeds 1 to N")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  sub.add_option("--csv", flags.csv, "File that gets the regret after each number of epochs");
}

}  // namespace

bool ParseFlags(int argc, char** argv, ServerFlags& flags, int& exit_status) {
  CLI::App app("Hands the runs of sweeps to workers and keeps what they report.");
  app.set_version_flag("--version", TPSWEEP_VERSION);
  flags.store = DefaultStore();
  std::string lease_ttl = "30s";
  double checkpoint_quota = 20;
  std::string log_level = "info";
  app.add_option("--listen", flags.listen.address, "Address and port; port 0 takes any free one")
      ->capture_default_str();
  app.add_option(
         "--store", flags.store,
         "SQLite file, created if it is not there; postgres://... is a PostgreSQL database; "
         "'memory' forgets all at the end")
      ->capture_default_str();
  app.add_option("--checkpoints", flags.checkpoints,
                 "Folder for the checkpoints of runs; by default STORE.checkpoints. PostgreSQL "
                 "keeps them itself");
  app.add_option("--checkpoint-quota", checkpoint_quota,
                 "What all checkpoints together may take, in GiB")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("--port-file", flags.port_file,
                 "File that gets HOST:PORT once the server is ready");
  app.add_option("--lease-ttl", lease_ttl, "Silence after which a worker loses its runs")
      ->check(CLI::Validator(CheckTtl, "DURATION"))
      ->capture_default_str();
  app.add_option("--tls-cert", flags.listen.tls_cert, "Certificate of the server (PEM)");
  app.add_option("--tls-key", flags.listen.tls_key, "Key of the certificate (PEM)");
  app.add_option("--tls-client-ca", flags.listen.tls_client_ca,
                 "Talk only to clients and workers with a certificate of this CA (PEM)");
  app.add_flag("--insecure", flags.listen.is_insecure,
               "Allow plain text on an address that other machines can reach");
  app.add_option("--log-level", log_level, "debug, info, warning or error")
      ->check(CLI::Validator(CheckLevel, "LEVEL"))
      ->capture_default_str();
  app.require_subcommand(0, 1);
  app.fallthrough();
  const auto add_action = [&](const char* name, const char* help, ServerFlags::Action action) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&flags, action] { flags.action = action; });
    return sub;
  };
  add_action("backup", "Copies the store as it is now into FILE; also while a server has it",
             ServerFlags::Action::kBackUp)
      ->add_option("FILE", flags.file, "The copy; must not be there yet")
      ->required();
  add_action("restore", "Makes the copy FILE the store, which must not be there",
             ServerFlags::Action::kRestore)
      ->add_option("FILE", flags.file, "What backup has written")
      ->required();
  add_action("check", "Looks at every page of the store; also while a server has it",
             ServerFlags::Action::kCheck);
  AddCompact(*add_action("compact",
                         "Thins out the measurements of studies that ended long ago; not while a "
                         "server has the store",
                         ServerFlags::Action::kCompact),
             flags.compact);
  CLI::App* record =
      add_action("record", "Writes the learning curves of a study into FILE, for simulate",
                 ServerFlags::Action::kRecord);
  record->add_option("STUDY", flags.study, "Name of the study")->required();
  record->add_option("FILE", flags.file, "The recording")->required();
  AddSimulate(*add_action("simulate",
                          "Compares samplers and schedulers on recorded curves, in virtual time",
                          ServerFlags::Action::kSimulate),
              flags.simulate);
  try {
    app.parse(argc, argv);
    flags.is_postgres =
        flags.store.starts_with("postgres://") || flags.store.starts_with("postgresql://");
    if (NeedsSqlite(flags.action) && (flags.is_postgres || flags.store == "memory")) {
      throw CLI::ValidationError(
          "--store",
          "backup, restore, check and record are for an SQLite file; for PostgreSQL use pg_dump, "
          "pg_restore and pg_amcheck");
    }
    if (flags.action == ServerFlags::Action::kCompact && flags.store == "memory") {
      throw CLI::ValidationError("--store", "there is nothing in 'memory' to compact");
    }
    if (flags.is_postgres && !flags.checkpoints.empty()) {
      throw CLI::ValidationError(
          "--checkpoints", "is for an SQLite store; with PostgreSQL they are in the database");
    }
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : kUsage;
    return false;
  }
  absl::ParseDuration(lease_ttl, &flags.lease_ttl);
  constexpr double kGib = 1 << 30;
  flags.checkpoint_quota = static_cast<int64_t>(checkpoint_quota * kGib);
  if (flags.checkpoints.empty()) flags.checkpoints = flags.store + ".checkpoints";
  flags.log_level = kLevels.at(log_level);
  return true;
}

}  // namespace tpsweep::server
