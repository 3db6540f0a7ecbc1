// A program under test: started, watched, killed.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mutex.h"

namespace tpsweep {

// Waits, in small steps, until `condition` holds. False if `limit` passed first.
template <class Condition>
bool WaitUntil(Condition condition, absl::Duration limit = absl::Seconds(30)) {
  const absl::Duration deadline = Clock::Real().Elapsed() + limit;
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  while (!condition()) {
    if (Clock::Real().Elapsed() > deadline) return false;
    never.WaitFor(mu, absl::Milliseconds(5));
  }
  return true;
}

// Not thread-safe; start it from the main thread, with which it dies.
class Process {
 public:
  // Runs `command` (program first); standard output goes to LOG.out, standard
  // error is added to LOG.err.
  Process(std::vector<std::string> command, std::string log) : log_(std::move(log)) {
    const int out = open((log_ + ".out").c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    const int err = open((log_ + ".err").c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(out, STDOUT_FILENO);
      dup2(err, STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(out);
    close(err);
  }
  ~Process() {
    if (!exit_) Signal(SIGKILL);
    WaitForExit(absl::Seconds(10));
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int signal) { kill(pid_, signal); }

  // Its exit status, or minus the signal that ended it; nothing if it still runs
  // after `limit`.
  std::optional<int> WaitForExit(absl::Duration limit = absl::Seconds(30)) {
    WaitUntil([this] { return !is_running(); }, limit);
    return exit_;
  }
  bool is_running() {
    int status = 0;
    if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return !exit_;
  }

  // In bytes, now and the most so far. 0: it has ended.
  int64_t ResidentMemory() const { return Status("VmRSS:") * 1024; }
  int64_t PeakMemory() const { return Status("VmHWM:") * 1024; }
  int64_t Threads() const { return Status("Threads:"); }
  // What all its threads have spent.
  absl::Duration ProcessorTime() const {
    std::ifstream file(Proc("stat"));
    std::string stat;
    std::getline(file, stat);
    // Behind the name, which ends with the last bracket, come eleven fields, then ours.
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    int64_t user = 0;
    int64_t system = 0;
    fields >> user >> system;
    return absl::Seconds(user + system) / sysconf(_SC_CLK_TCK);
  }
  // Files, sockets and the like that it has open.
  int64_t Descriptors() const {
    std::error_code error;
    const std::filesystem::directory_iterator open(Proc("fd"), error);
    return std::distance(open, std::filesystem::directory_iterator());
  }

  std::string Output() const { return ReadFile(log_ + ".out").value_or(""); }
  std::string Errors() const { return ReadFile(log_ + ".err").value_or(""); }

 private:
  std::string Proc(const std::string& file) const {
    return "/proc/" + std::to_string(pid_) + "/" + file;
  }
  // The number behind `key` in its status file.
  int64_t Status(const std::string& key) const {
    std::ifstream status(Proc("status"));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
    }
    return 0;
  }

  const std::string log_;
  pid_t pid_ = -1;
  std::optional<int> exit_;
};

}  // namespace tpsweep
