// The right to be the only server on a store: a lock on a file beside it, held
// until this object or the process ends, however it ends.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tpsweep::server {

class FileLock {
 public:
  // Creates `path` if it is missing, and writes the process id into it.
  //   kFailedPrecondition   another process has it; the message says which
  //   kUnavailable          the file cannot be created or locked
  static absl::StatusOr<FileLock> Take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace tpsweep::server
