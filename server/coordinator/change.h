// One change of the coordinator's state while it is being made: what must be
// written, and who is told once it is durable.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/store/checkpoint_store.h"
#include "server/store/store.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

class StudyState;

struct CheckpointCopy {
  CheckpointName from;
  CheckpointName to;
  int64_t bytes;
};

struct Change {
  explicit Change(absl::Time wall_now) : now(wall_now) {}

  // Adds a line to the story. Its revision and time are set when it is published.
  v1::Event& AddEvent(absl::string_view type, absl::string_view resource,
                      absl::string_view message = "") {
    v1::Event& event = batch.events.emplace_back();
    event.set_type(std::string(type));
    event.set_resource(std::string(resource));
    event.set_message(std::string(message));
    return event;
  }

  absl::Time now;
  WriteBatch batch;
  // Studies whose record changed: written once, at the end.
  std::set<StudyState*> touched;
  // Attempts whose workers get the lease when it is durable.
  std::vector<std::string> granted;
  // What workers are told when it is durable.
  struct PendingAck {
    std::string worker;
    v1::Ack ack;
  };
  std::vector<PendingAck> acks;
  // Checkpoints that have a second name when it is durable: before any worker learns of
  // it, and before garbage is removed.
  std::vector<CheckpointCopy> copies;
  // Checkpoints that are of no use when it is durable.
  std::vector<CheckpointName> garbage;
};

inline absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

inline google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

}  // namespace tpsweep::server
