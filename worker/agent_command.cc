#include "worker/agent_command.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/log.h"
#include "worker/agent/agent.h"
#include "worker/agent/crash_notes.h"
#include "worker/agent/spool.h"
#include "worker/trainer/kernels.h"

namespace tpsweep {
namespace {

// Parts of the grace: how long a stopping worker waits for the server's
// acknowledgements, and after how long it ends in any case.
constexpr double kHandBack = 0.8;
constexpr double kExit = 0.94;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "unknown-host";
}

std::string RandomHex() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

// The spool of this worker. One without a name, as whom nobody could come back, takes the
// first of its machine's that no process has, and is then the worker that had it.
absl::StatusOr<std::unique_ptr<agent::Spool>> OpenSpool(const AgentCommandOptions& options,
                                                        const v1::Hello& self) {
  const auto open = [&](const std::string& name) {
    return agent::Spool::Open(absl::StrCat(options.state_folder, "/", name, ".spool"), self,
                              options.spool_bytes);
  };
  if (!options.name.empty()) {
    return open(absl::StrReplaceAll(options.name, {{"%", "%25"}, {"/", "%2F"}}));
  }
  for (int number = 0;; ++number) {
    auto spool = open(absl::StrCat(self.host(), "%", number));
    if (!absl::IsAlreadyExists(spool.status())) return spool;
  }
}

// Ends the process without waiting for threads that may be deep in a mini-batch.
[[noreturn]] void ExitAtOnce(int status) {
  std::fflush(nullptr);
  std::_Exit(status);
}

// Turns signals, and the lack of work, into an orderly end. The signals must be blocked in
// every thread.
class OrderlyEnd {
 public:
  OrderlyEnd(const sigset_t& signals, const AgentCommandOptions& options, agent::Agent& agent,
             agent::CoordinatorClient& client)
      : signals_(signals),
        grace_(options.grace),
        exit_when_idle_(options.exit_when_idle),
        agent_(agent),
        client_(client),
        thread_([this] { Watch(); }) {}
  ~OrderlyEnd() {
    is_over_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  void Watch() {
    const int signal = WaitForReason();
    if (is_over_) return;
    if (signal == kNone) {
      Log(LogLevel::kInfo, "worker.stopping",
          {{"idle_for", absl::FormatDuration(exit_when_idle_)}});
    } else {
      Log(LogLevel::kInfo, "worker.stopping", {{"signal", signal}});
    }
    agent_.Drain();
    std::thread hand_back([this] {
      agent_.WaitUntilIdle(kHandBack * grace_);
      client_.Stop();
    });
    const bool comes_again = ComesAgain(signal, kExit * grace_);
    if (!is_over_) {
      Log(LogLevel::kWarning, "worker.ended_at_once",
          {{"reason", comes_again ? "second signal" : "the runs did not end in time"}});
      ExitAtOnce(comes_again ? 1 : 0);
    }
    hand_back.join();
  }

  static constexpr int kNone = 0;
  // The next signal, or kNone if there is none within `limit`.
  int WaitForSignal(absl::Duration limit) {
    const timespec time = absl::ToTimespec(limit);
    return std::max(kNone, sigtimedwait(&signals_, nullptr, &time));
  }
  // The first signal; kNone: there was no work for long enough before.
  int WaitForReason() {
    for (;;) {
      const absl::Duration left = exit_when_idle_ - agent_.IdleTime();
      if (left <= absl::ZeroDuration()) return kNone;
      if (const int signal = WaitForSignal(left); signal != kNone) return signal;
    }
  }
  // Whether the first signal is sent once more. Another kind says nothing new: Slurm sends
  // SIGUSR1 and SIGTERM, LSF SIGINT and SIGTERM.
  bool ComesAgain(int first, absl::Duration limit) {
    const absl::Duration end = Clock::Real().Elapsed() + limit;
    for (;;) {
      const int signal =
          WaitForSignal(std::max(absl::ZeroDuration(), end - Clock::Real().Elapsed()));
      if (signal == kNone || is_over_) return false;
      if (signal == first) return true;
    }
  }

  const sigset_t signals_;
  const absl::Duration grace_;
  const absl::Duration exit_when_idle_;
  agent::Agent& agent_;
  agent::CoordinatorClient& client_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

}  // namespace

int RunAgentCommand(const AgentCommandOptions& options) {
  // Before any thread starts: they inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  agent::AgentOptions about;
  about.host = HostName();
  about.incarnation = RandomHex();
  about.worker_id = options.name.empty() ? absl::StrCat(about.host, "-", getpid(), "-",
                                                        about.incarnation.substr(0, 6))
                                         : options.name;
  about.version = options.version;
  about.slots = options.slots;

  v1::Hello self;
  self.set_worker_id(about.worker_id);
  self.set_incarnation(about.incarnation);
  self.set_host(about.host);
  auto spool = OpenSpool(options, self);
  if (absl::IsAlreadyExists(spool.status())) {
    std::fprintf(stderr,
                 "tpsweep-worker: another process is worker '%s' already (%s); give this one "
                 "another --name, or another --state\n",
                 about.worker_id.c_str(), std::string(spool.status().message()).c_str());
    return 1;
  }
  if (spool.ok()) {
    about.worker_id = (*spool)->self().worker_id();
    about.incarnation = (*spool)->self().incarnation();
  } else {
    Log(LogLevel::kWarning, "spool.unavailable", {{"why", spool.status().message()}});
  }

  // Of this process, not of the worker that it may have come back as.
  agent::CrashNotes notes(options.state_folder, self.incarnation());
  about.crashes = notes.found();

  trainer::DataSetCache data(options.data_path);
  agent::Agent agent(about, data, Clock::Real(), &trainer::TrainingRun::Create,
                     spool.ok() ? spool->get() : nullptr);
  const auto client = agent::CoordinatorClient::Create(options.connection, agent, Clock::Real());
  if (!client.ok()) {
    std::fprintf(stderr, "tpsweep-worker: %s\n", std::string(client.status().message()).c_str());
    return 1;
  }
  Log(LogLevel::kInfo, "worker.started",
      {{"worker", about.worker_id},
       {"server", options.connection.server},
       {"slots", about.slots},
       {"kernels", trainer::KernelSetName()}});
  absl::Status end;
  {
    OrderlyEnd orderly_end(signals, options, agent, **client);
    end = (*client)->Run();
  }
  if (agent.has_told_crashes()) notes.Forget();
  const bool is_idle = agent.WaitUntilIdle(absl::ZeroDuration());
  if (!end.ok()) {
    std::fprintf(stderr, "tpsweep-worker: the server at %s refuses this worker: %s\n",
                 options.connection.server.c_str(), std::string(end.message()).c_str());
  } else if (!is_idle) {
    Log(LogLevel::kWarning, "worker.stopped",
        {{"reason", "the server did not acknowledge everything in time"}});
  } else {
    Log(LogLevel::kInfo, "worker.stopped");
  }
  if (!is_idle) ExitAtOnce(end.ok() ? 0 : 1);
  return end.ok() ? 0 : 1;
}

}  // namespace tpsweep
