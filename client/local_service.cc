#include "client/local_service.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/file.h"
#include "common/mutex.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(30);
// A worker hands its leases back within 5 seconds; the server then has nothing
// to wait for but its disk.
constexpr absl::Duration kWorkerStopLimit = absl::Seconds(8);
constexpr absl::Duration kServerStopLimit = absl::Seconds(10);
// On one machine a silent worker is a dead one.
constexpr absl::string_view kLeaseTtl = "10s";
constexpr absl::Duration kLook = absl::Milliseconds(2);  // while programs start and stop
constexpr int kMaxRestarts = 3;
constexpr size_t kLogLines = 12;

absl::Status MakeDirectory(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return absl::UnknownError(absl::StrCat(dir, ": ", error.message()));
  return absl::OkStatus();
}

// The lock file says who has the folder, for the message to the second one.
absl::StatusOr<int> LockDirectory(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/run.lock");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return absl::UnknownError(absl::StrCat(path, ": ", strerror(errno)));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const absl::StatusOr<std::string> holder = ReadFile(path, 100);
    close(file);
    return absl::AlreadyExistsError(absl::StrCat(
        "another `tpsweep run` (", holder.ok() ? absl::StripAsciiWhitespace(*holder) : "process ?",
        ") is using ", dir, ": wait for it, or name another folder with --dir"));
  }
  const std::string text = absl::StrCat("process ", getpid(), "\n");
  if (ftruncate(file, 0) != 0 || write(file, text.data(), text.size()) < 0) {
    close(file);
    return absl::UnknownError(absl::StrCat(path, ": ", strerror(errno)));
  }
  return file;
}

std::string LastLines(const std::string& log) {
  const absl::StatusOr<std::string> text = ReadFile(log);
  if (!text.ok()) return std::string(text.status().message());
  std::vector<absl::string_view> lines =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(*text), '\n');
  if (lines.size() > kLogLines) lines.erase(lines.begin(), lines.end() - kLogLines);
  return absl::StrCat("the end of ", log, ":\n  ", absl::StrJoin(lines, "\n  "));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalService>> LocalService::Start(
    const LocalServiceOptions& options, const Interrupt& interrupt, Clock& clock) {
  TP_RETURN_IF_ERROR(MakeDirectory(absl::StrCat(options.dir, "/logs")));
  TP_ASSIGN_OR_RETURN(const int lock_file, LockDirectory(options.dir));
  std::unique_ptr<LocalService> service(new LocalService(options, interrupt, clock, lock_file));
  TP_RETURN_IF_ERROR(service->StartServer());
  return service;
}

LocalService::LocalService(const LocalServiceOptions& options, const Interrupt& interrupt,
                           Clock& clock, int lock_file)
    : options_(options), interrupt_(interrupt), clock_(clock), lock_file_(lock_file) {}

LocalService::~LocalService() {
  Stop();
  workers_.clear();
  server_.process.reset();
  close(lock_file_);
}

std::string LocalService::log_dir() const { return absl::StrCat(options_.dir, "/logs"); }

absl::Status LocalService::StartServer() {
  const std::string port_file = absl::StrCat(options_.dir, "/server.port");
  const auto command = [&](absl::string_view address) {
    return std::vector<std::string>{absl::StrCat(options_.bin_dir, "/tpsweep-server"),
                                    "--listen",
                                    std::string(address),
                                    "--store",
                                    absl::StrCat(options_.dir, "/tpsweep.db"),
                                    "--port-file",
                                    port_file,
                                    "--lease-ttl",
                                    std::string(kLeaseTtl)};
  };
  unlink(port_file.c_str());
  server_ = {"server", command("127.0.0.1:0"), absl::StrCat(log_dir(), "/server.log")};
  unlink(server_.log.c_str());
  TP_RETURN_IF_ERROR(Launch(server_));

  const absl::Duration start = clock_.Elapsed();
  while (interrupt_.count() == 0) {
    const absl::StatusOr<std::string> port = ReadFile(port_file, 100);
    if (port.ok()) {  // the server writes it whole
      address_ = std::string(absl::StripAsciiWhitespace(*port));
      // A server that is started again must be found where it was.
      server_.command = command(address_);
      return absl::OkStatus();
    }
    if (const auto& end = server_.process->CheckEnd()) {
      return absl::UnknownError(
          absl::StrCat("the server ended at once (", *end, "); ", LastLines(server_.log)));
    }
    if (clock_.Elapsed() - start > kStartLimit) {
      return absl::UnknownError(absl::StrCat("the server was not ready within ",
                                             absl::FormatDuration(kStartLimit), "; ",
                                             LastLines(server_.log)));
    }
    Pause(kLook);
  }
  return absl::CancelledError("interrupted");
}

absl::Status LocalService::StartWorkers() {
  for (int i = 1; i <= options_.workers; ++i) {
    Program worker;
    worker.name = absl::StrCat("worker-", i);
    worker.command = {absl::StrCat(options_.bin_dir, "/tpsweep-worker"), "--server", address_,
                      "--slots", absl::StrCat(options_.slots)};
    for (const std::string& dir : options_.data_path) {
      worker.command.insert(worker.command.end(), {"--data", dir});
    }
    worker.log = absl::StrCat(log_dir(), "/", worker.name, ".log");
    unlink(worker.log.c_str());
    TP_RETURN_IF_ERROR(Launch(worker));
    workers_.push_back(std::move(worker));
  }
  return absl::OkStatus();
}

absl::Status LocalService::Launch(Program& program) {
  TP_ASSIGN_OR_RETURN(ChildProcess process, ChildProcess::Start(program.command, program.log));
  program.process = std::make_unique<ChildProcess>(std::move(process));
  return absl::OkStatus();
}

absl::Status LocalService::Supervise(const std::function<void(absl::string_view)>& note) {
  TP_RETURN_IF_ERROR(SuperviseOne(server_, note));
  for (Program& worker : workers_) TP_RETURN_IF_ERROR(SuperviseOne(worker, note));
  return absl::OkStatus();
}

absl::Status LocalService::SuperviseOne(Program& program,
                                        const std::function<void(absl::string_view)>& note) {
  const auto& end = program.process->CheckEnd();
  if (!end) return absl::OkStatus();
  if (program.num_restarts == kMaxRestarts) {
    return absl::UnknownError(absl::StrCat("the ", program.name, " ended ", kMaxRestarts + 1,
                                           " times, at last with ", *end, "; ",
                                           LastLines(program.log)));
  }
  ++program.num_restarts;
  note(absl::StrCat("the ", program.name, " ended (", *end, "); starting it again"));
  return Launch(program);
}

void LocalService::Stop() {
  StopAll(absl::MakeSpan(workers_), kWorkerStopLimit);
  StopAll(absl::MakeSpan(&server_, 1), kServerStopLimit);
}

void LocalService::StopAll(absl::Span<Program> programs, absl::Duration limit) {
  const auto is_gone = [](const Program& program) {
    return program.process == nullptr || program.process->CheckEnd();
  };
  for (Program& program : programs) {
    if (program.process != nullptr) program.process->Send(SIGTERM);
  }
  const absl::Duration start = clock_.Elapsed();
  while (!std::all_of(programs.begin(), programs.end(), is_gone)) {
    if (interrupt_.count() > 1 || clock_.Elapsed() - start > limit) {
      for (Program& program : programs) {
        if (program.process != nullptr) program.process->Send(SIGKILL);
      }
    }
    Pause(kLook);
  }
}

void LocalService::Pause(absl::Duration duration) {
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  clock_.WaitFor(never, mu, duration);
}

}  // namespace tpsweep::client
