// A program of ours that runs beside this one and ends with it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tpsweep::client {

// Not thread-safe; start it from the main thread (the kernel ends the child with
// the thread that started it).
class ChildProcess {
 public:
  // Runs `command` (program first) with output and errors appended to the file
  // `log` and nothing to read. It has a process group of its own, so a Ctrl-C at
  // the terminal reaches only us; when we die it gets SIGTERM.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& command,
                                            const std::string& log);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills what still runs.
  ~ChildProcess();

  // How it ended ("exit status 1", "signal 9 (Killed)"), once it has.
  const std::optional<std::string>& CheckEnd();

  void Send(int signal);
  pid_t pid() const { return pid_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  std::optional<std::string> end_;
};

}  // namespace tpsweep::client
