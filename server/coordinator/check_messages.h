// The door for what workers say. kInvalidArgument names the field, the value
// and what is legal; behind the door every message is well formed.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::server {

inline constexpr int kProtocolVersion = 1;

// Also kFailedPrecondition: another protocol version.
absl::Status Check(const v1::Hello& hello);
absl::Status Check(const v1::FreeSlots& free_slots);
absl::Status Check(const v1::Report& report);
absl::Status Check(const v1::Completion& completion);
absl::Status Check(const v1::Checkpoint& checkpoint);

// What a worker says at length, cut to what is worth keeping, at the border of a UTF-8
// character.
std::string CutMessage(const std::string& text);

}  // namespace tpsweep::server
