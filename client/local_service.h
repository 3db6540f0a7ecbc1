// A server and workers on this machine, for as long as one command runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/child_process.h"
#include "client/interrupt.h"
#include "common/clock.h"

namespace tpsweep::client {

struct LocalServiceOptions {
  std::string bin_dir;  // has tpsweep-server and tpsweep-worker
  std::string dir;      // the store, the logs, and who is using them
  int workers = 1;
  int slots = 1;                       // of each worker
  std::vector<std::string> data_path;  // handed to the workers
};

// Not thread-safe; only the main thread (child_process.h). Two of them cannot
// share a folder.
class LocalService {
 public:
  // Takes the folder and starts the server in it. `interrupt` and `clock` must
  // outlive the service.
  //   kAlreadyExists  another process is using the folder
  //   kUnknown, ...   the folder cannot be used, or the server does not start:
  //                   the message has the end of its log
  static absl::StatusOr<std::unique_ptr<LocalService>> Start(const LocalServiceOptions& options,
                                                             const Interrupt& interrupt,
                                                             Clock& clock);
  // Kills what Stop has not stopped.
  ~LocalService();

  absl::Status StartWorkers();

  // Starts again what has died, each program a few times, and tells `note`; then
  // an error with the end of its log.
  absl::Status Supervise(const std::function<void(absl::string_view)>& note);

  // Workers first, in order (SIGTERM); what is still there after its time, or
  // when the user interrupts twice, is killed.
  void Stop();

  // HOST:PORT of the server.
  const std::string& address() const { return address_; }
  std::string log_dir() const;

 private:
  struct Program {
    std::string name;  // server, worker-1, ...
    std::vector<std::string> command;
    std::string log;
    int num_restarts = 0;
    std::unique_ptr<ChildProcess> process = nullptr;
  };

  LocalService(const LocalServiceOptions& options, const Interrupt& interrupt, Clock& clock,
               int lock_file);
  absl::Status StartServer();
  absl::Status Launch(Program& program);
  absl::Status SuperviseOne(Program& program, const std::function<void(absl::string_view)>& note);
  void StopAll(absl::Span<Program> programs, absl::Duration limit);
  void Pause(absl::Duration duration);

  const LocalServiceOptions options_;
  const Interrupt& interrupt_;
  Clock& clock_;
  const int lock_file_;
  std::string address_;
  Program server_;
  std::vector<Program> workers_;
};

}  // namespace tpsweep::client
