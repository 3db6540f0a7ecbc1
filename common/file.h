// Whole files, read and written safely. Errors name the file and the reason.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep {

// Reads a regular file of at most `max_bytes`.
//   kNotFound          no such file
//   kInvalidArgument   larger than max_bytes, or not a regular file
//   kUnavailable       cannot be read
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = int64_t{1} << 32);

// Writes `bytes` under another name, makes them durable (fsync of file and
// folder) and renames: the file is there whole, or as it was before.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

}  // namespace tpsweep
