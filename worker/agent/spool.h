// What a worker holds, on disk, so that an outage of the coordinator may be longer than its
// memory, and so that a process that is killed can come back as the same worker.
//
//   FOLDER/lock                  held by the process that has the spool
//   FOLDER/identity              Hello: worker_id, incarnation
//   FOLDER/ATTEMPT/lease         Lease
//   FOLDER/ATTEMPT/measurements  Measurement, and again: those not acknowledged
//   FOLDER/ATTEMPT/checkpoint    Lease, as of now: with the checkpoint that follows as bytes
//   FOLDER/ATTEMPT/completion    Completion
//   FOLDER/ATTEMPT/taken_up      a byte for each time since the checkpoint
//
// All but those bytes are records (records.h).
//
// What is written when: a checkpoint as it is made, and with it the measurements before it
// that are not acknowledged; measurements also when they are too many for the memory; the
// end of a training when no server is there to take it. Nothing else has to be: a process
// that is killed trains again, to the same bits, what came after its last checkpoint. So
// while a server listens the disk is written at checkpoints only.
//
// One rule keeps it right: a checkpoint is written after the measurements before it, and
// both are made durable. Whatever else is missing is older state, or shows as a gap between
// what the server has and what is here; an attempt with a gap is handed back.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::agent {

// The bytes that all attempts of a worker may take on disk together. Thread-safe.
class SpoolBudget {
 public:
  explicit SpoolBudget(int64_t bytes) : left_(bytes) {}
  // False: there is no room for `bytes` more. Fewer than none always have room.
  bool Take(int64_t bytes);
  void Give(int64_t bytes) { left_ += bytes; }

 private:
  std::atomic<int64_t> left_;
};

// One attempt. All but Read belongs to the thread that trains it, and after that to one
// other. What cannot be written is logged once, tried again by the next call, and changes
// nothing.
class AttemptSpool {
 public:
  // Writes nothing. `budget` must outlive it.
  AttemptSpool(std::string folder, v1::Lease lease, SpoolBudget& budget);

  bool Begin();
  // In order of sequence, after what was appended before.
  bool Append(absl::Span<const v1::Measurement> measurements);
  // All that was appended is acknowledged.
  void Clear();
  // `lease` as of now, with its checkpoint; in place of the one before.
  bool Save(const v1::Lease& lease, absl::string_view checkpoint);
  bool Complete(const v1::Completion& completion);
  void Remove();

  // Measurements from `offset` on, up to number `last`, of `bytes` or a few more; at least
  // one. From any thread. kDataLoss, or why the file cannot be read.
  struct Part {
    std::vector<v1::Measurement> measurements;
    int64_t end = 0;  // offset
  };
  absl::StatusOr<Part> Read(int64_t offset, int64_t last, int64_t bytes) const;

 private:
  friend class Spool;

  std::string File(absl::string_view name) const;
  // Logs `status` if the one before was another, and says whether it is OK.
  bool Note(const absl::Status& status);
  absl::Status TryToBegin();
  absl::Status TryToAppend(absl::Span<const v1::Measurement> measurements);
  absl::Status TryToSave(const v1::Lease& lease, absl::string_view checkpoint);

  const std::string folder_;
  const v1::Lease lease_;
  SpoolBudget& budget_;
  bool has_begun_ = false;
  bool is_in_trouble_ = false;
  bool has_been_taken_up_ = false;
  int64_t measurement_bytes_ = 0;
  int64_t checkpoint_bytes_ = 0;
};

// An attempt of a process that is gone. Goes on from the checkpoint if it has one, which its
// lease then names; the measurements are those after `acknowledged_to` up to `measured_to`.
struct SpooledAttempt {
  v1::Lease lease;
  std::shared_ptr<const std::string> checkpoint;  // null: none of its own
  int64_t acknowledged_to = 0;
  int64_t measured_to = 0;
  std::optional<v1::Completion> completion;  // it was trained to its end
  int64_t times_taken_up = 0;                // since the checkpoint, with this one
  std::unique_ptr<AttemptSpool> spool;
};

class Spool {
 public:
  // The spool in `folder`, which is made if it is not there, of at most `max_bytes`. If it
  // holds nothing, it is that of `self` from now on.
  //   kAlreadyExists  another process has it
  //   kUnavailable    it cannot be used
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const std::string& folder,
                                                     const v1::Hello& self, int64_t max_bytes);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Whose it is: worker_id and incarnation.
  const v1::Hello& self() const { return self_; }
  // What was found in it. Must not outlive the spool.
  std::vector<SpooledAttempt> TakeUp() { return std::move(found_); }
  // For an attempt that is new. Must not outlive the spool.
  std::unique_ptr<AttemptSpool> Make(const v1::Lease& lease);

 private:
  Spool(std::string folder, int lock, int64_t max_bytes);
  absl::Status Load(const v1::Hello& self);
  std::optional<SpooledAttempt> Load(const std::string& folder);

  const std::string folder_;
  const int lock_;
  SpoolBudget budget_;
  v1::Hello self_;
  std::vector<SpooledAttempt> found_;
};

}  // namespace tpsweep::agent
