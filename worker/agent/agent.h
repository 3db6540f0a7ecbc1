// Works for a coordinator: takes leases, trains them in its slots and says what
// came of it, over a stream that may break at any time.
//
// The owner of the stream (worker/rpc) asks the agent for everything that is to
// be said, so nothing is queued but what the server has not acknowledged:
//
//   send agent.Connect()                              the Hello
//   one thread:     while (m = agent.Next()) send *m
//   another:        agent.Receive(m) for each message m of the server
//   a third:        while (t = agent.NextTransfer()) put or get the checkpoint t
//   stream lost:    agent.Disconnect(); join the other threads; begin again
//
// While the server is away what is trained goes on; with a spool also what the process
// before held.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "tpsweep/v1/worker_service.pb.h"
#include "worker/agent/held_attempt.h"
#include "worker/agent/spool.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::agent {

struct AgentOptions {
  std::string worker_id;    // unique among live workers
  std::string incarnation;  // random; tells a reconnect from a second worker of the same id
  std::string host;
  std::string version;
  int slots = 1;  // runs at a time
  // Unacknowledged measurements of one run that are held in memory. Beyond them it writes to
  // the spool; without one it waits for the server.
  int64_t buffer_bytes = int64_t{8} << 20;
  // Training time after which a run leaves a note of itself in the spool, if it does not
  // begin a second epoch before. One that is over by then is done again as fast.
  absl::Duration spool_after = absl::Milliseconds(50);
  // What has crashed a worker here before (crash_notes.h), to be told to the server.
  std::vector<v1::Crash> crashes{};
};

// Thread-safe.
class Agent {
 public:
  using CreateRun = std::function<absl::StatusOr<std::unique_ptr<trainer::TrainingRun>>(
      const v1::TrainingSpec&, trainer::DataSetCache&)>;

  // All must outlive the agent. Takes up what is in `spool`, which may be null.
  Agent(AgentOptions options, trainer::DataSetCache& data, Clock& clock, CreateRun create_run,
        Spool* spool = nullptr);
  // Stops what is trained at its next mini-batch, and waits for that.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // A new stream: what to say first.
  v1::WorkerMessage Connect();
  // Whether a server has heard of the crashes.
  bool has_told_crashes();
  // The next thing to say; waits until there is one. Nothing: the stream is over.
  std::optional<v1::WorkerMessage> Next();
  void Receive(const v1::ServerMessage& message);
  void Disconnect();

  // The next checkpoint to be put, or to be got for an attempt that goes on from it;
  // waits until there is one. Nothing: the stream is over.
  using Upload = HeldAttempt::Upload;
  using Download = v1::GetCheckpointRequest;
  using Transfer = std::variant<Upload, Download>;
  std::optional<Transfer> NextTransfer();
  // How it went. An upload may fail for good, or be given again by the next stream; a
  // download must be repeated until there is an answer, or its stream is over.
  void Uploaded(const Upload& upload, const absl::Status& status);
  struct Downloaded {
    absl::Status status;
    std::optional<v1::Checkpoint> checkpoint;  // nothing: begin at the beginning
    std::string bytes;
  };
  void Receive(const Download& download, Downloaded result);

  // Takes no more work and ends every run at its next mini-batch; each is handed
  // back as PREEMPTED.
  void Drain();
  // Waits until nothing is trained and everything is acknowledged. False if
  // `timeout` passed first.
  bool WaitUntilIdle(absl::Duration timeout);
  // For how long that has been so, or this agent has been there. 0: it is not so.
  absl::Duration IdleTime();

 private:
  struct Ending {
    v1::AttemptOutcome outcome;
    std::string message;
  };

  void WorkInSlot();
  // Threads for a run that is trained: the slots that no run needs are shared.
  int ShareOfSlots();
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Ending Train(HeldAttempt& attempt);
  Ending TrainUnguarded(HeldAttempt& attempt);
  void Record(HeldAttempt& attempt, const v1::Measurement& measurement);
  // Brings `run` to where the attempt goes on, if its lease says so; how many epochs are
  // done there. An error: that could not be found out.
  absl::StatusOr<int64_t> Restore(HeldAttempt& attempt, trainer::TrainingRun& run);
  Downloaded Fetch(HeldAttempt& attempt, const Download& download);
  std::optional<Upload> SaveCheckpoint(HeldAttempt& attempt, const trainer::TrainingRun& run,
                                       int64_t epoch);
  // One is on its way to the server.
  bool IsCheckpointUnderWay(const HeldAttempt& attempt);

  // The spool (agent_spool.cc). Its files are read and written without the lock.
  // Begins with what a process before held.
  void TakeUp(SpooledAttempt spooled);
  // Waits until there is room for a measurement, or moves what is in memory to the spool.
  void MakeRoom(HeldAttempt& attempt);
  // The measurements so far and `checkpoint`, which was made after them. False: it could not.
  bool WriteToSpool(HeldAttempt& attempt, const std::optional<Upload>& checkpoint);
  // Its training is over: writes what no server is there to take.
  void SpoolTheEnd(HeldAttempt& attempt, const Ending& ending);
  // What is to be said next.
  void ReadFromSpool(const std::shared_ptr<HeldAttempt>& attempt);
  void HandBackDamaged(HeldAttempt& attempt, const absl::Status& why);

  // The next thing to say; or nothing, and what is to be read first, or that it is over.
  std::optional<v1::WorkerMessage> WaitForNext(std::shared_ptr<HeldAttempt>& to_read);
  void TakeLease(const v1::Lease& lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The attempt that is no longer held, if there is one.
  std::shared_ptr<HeldAttempt> TakeAck(const v1::Ack& ack) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int FreeSlots() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What is to be said now, heartbeats aside.
  std::optional<v1::WorkerMessage> Pending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // An attempt that has something to say which is on disk.
  std::shared_ptr<HeldAttempt> ToRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Who waits for anything but a run to train.
  void NotifyAll();

  const AgentOptions options_;
  trainer::DataSetCache& data_;
  Clock& clock_;
  const CreateRun create_run_;
  Spool* const spool_;

  Mutex mu_;
  CondVar sender_;    // there may be something to say
  CondVar transfer_;  // there may be a checkpoint to put or to get
  CondVar slots_;     // a lease to train
  CondVar waiting_;   // an acknowledgement, or the end of a training
  bool is_connected_ ABSL_GUARDED_BY(mu_) = false;
  bool is_welcome_ ABSL_GUARDED_BY(mu_) = false;
  bool was_welcome_ ABSL_GUARDED_BY(mu_) = false;  // once
  bool is_draining_ ABSL_GUARDED_BY(mu_) = false;
  bool is_closing_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration heartbeat_interval_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_said_ ABSL_GUARDED_BY(mu_);
  // What the server believes: the number said last, less the leases since.
  int free_slots_said_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, std::shared_ptr<HeldAttempt>> held_ ABSL_GUARDED_BY(mu_);
  // Held attempts that no slot has begun. A server that leases no more than was
  // asked for leaves it empty as soon as a slot wakes up.
  std::deque<std::shared_ptr<HeldAttempt>> queue_ ABSL_GUARDED_BY(mu_);
  // Checkpoints that slots wait for, and what came of each.
  struct Wanted {
    Download download;
    bool is_given = false;  // on this stream
    std::optional<Downloaded> result;
  };
  std::map<std::string, Wanted> wanted_ ABSL_GUARDED_BY(mu_);  // by attempt
  int num_training_ ABSL_GUARDED_BY(mu_) = 0;      // slots at work, also on what was abandoned
  absl::Duration last_work_ ABSL_GUARDED_BY(mu_);  // when an attempt was let go of

  std::vector<std::thread> threads_;
};

}  // namespace tpsweep::agent
