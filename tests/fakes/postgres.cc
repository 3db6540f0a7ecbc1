#include "tests/fakes/postgres.h"

#include <libpq-fe.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace tpsweep {
namespace {

// The newest that is installed: Debian keeps the programs off the path.
std::string ProgramFolder() {
  std::string newest;
  std::error_code error;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string folder = version.path().string() + "/bin";
    if (std::filesystem::exists(folder + "/initdb")) newest = std::max(newest, folder);
  }
  if (newest.empty()) {
    throw std::runtime_error(
        "no PostgreSQL server in /usr/lib/postgresql: deploy/install-deps.sh installs it");
  }
  return newest;
}

// A command of PostgreSQL's, run as a user that it accepts; it ends when we do.
std::vector<std::string> Command(const std::string& program, std::vector<std::string> arguments) {
  std::vector<std::string> command = {"/usr/bin/setpriv", "--pdeathsig=QUIT"};
  if (geteuid() == 0) {
    for (const char* flag : {"--reuid=postgres", "--regid=postgres", "--init-groups"}) {
      command.emplace_back(flag);
    }
  }
  command.push_back(absl::StrCat(ProgramFolder(), "/", program));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;

}  // namespace

PostgresServer::PostgresServer(Durability durability) {
  // Sockets have short names, and folders of the user's own may be closed to `postgres`.
  std::string path = "/tmp/tpsweep-pg-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder for PostgreSQL");
  folder_ = path;
  if (geteuid() == 0) {
    const passwd* const user = getpwnam("postgres");
    if (user == nullptr || chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("there is no user postgres to run PostgreSQL as");
    }
  }
  Process initdb(Command("initdb", {"-D", folder_ + "/data", "--auth=trust", "--no-sync",
                                    "--locale=C.UTF-8", "-U", "postgres"}),
                 folder_ + "/initdb");
  if (initdb.WaitForExit(absl::Seconds(60)) != 0) {
    throw std::runtime_error(absl::StrCat("initdb failed: ", initdb.Output(), initdb.Errors()));
  }
  if (durability == Durability::kNone) {
    for (const char* setting : {"fsync=off", "full_page_writes=off", "autovacuum=off"}) {
      settings_.insert(settings_.end(), {"-c", setting});
    }
  }
  Start();
}

PostgresServer::~PostgresServer() {
  if (process_ != nullptr) Crash();
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

PostgresServer& PostgresServer::Shared() {
  static PostgresServer server;
  return server;
}

void PostgresServer::Start() {
  std::vector<std::string> arguments = {"-D", folder_ + "/data",   "-k", folder_,
                                        "-c", "listen_addresses=", "-c", "max_connections=200"};
  arguments.insert(arguments.end(), settings_.begin(), settings_.end());
  process_ = std::make_unique<Process>(Command("postgres", arguments), folder_ + "/server");
  const bool is_up = WaitUntil(
      [this] { return PQping(Uri("postgres").c_str()) == PQPING_OK || !process_->is_running(); });
  if (!is_up || !process_->is_running()) {
    throw std::runtime_error(absl::StrCat("PostgreSQL did not start: ", process_->Errors()));
  }
}

void PostgresServer::Stop() { End(SIGINT); }

void PostgresServer::Crash() { End(SIGQUIT); }

void PostgresServer::End(int signal) {
  process_->Signal(signal);
  process_->WaitForExit();
  process_ = nullptr;
}

std::string PostgresServer::Uri(const std::string& database) const {
  return absl::StrCat("postgres://postgres@/", database, "?host=", folder_);
}

std::string PostgresServer::NewDatabase() {
  const std::string name = absl::StrCat("test", ++num_databases_);
  Query(Uri("postgres"), absl::StrCat("CREATE DATABASE ", name));
  return Uri(name);
}

std::string PostgresServer::Query(const std::string& uri, const std::string& sql) {
  const Connection connection(PQconnectdb(uri.c_str()), &PQfinish);
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  PGresult* const result = PQexec(connection.get(), sql.c_str());
  const std::unique_ptr<PGresult, void (*)(PGresult*)> owned(result, &PQclear);
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(absl::StrCat(sql, ": ", PQerrorMessage(connection.get())));
  }
  return PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
}

}  // namespace tpsweep
