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

// Reads at most `size` bytes from `offset` on; fewer only at the end. kNotFound,
// kUnavailable.
absl::StatusOr<std::string> ReadFileRange(const std::string& path, int64_t offset, int64_t size);

// Makes `bytes` the end of the file, from `offset` on; makes the file if it is not there. What
// could not be written whole is cut off again. Durable after SyncFile. kNotFound, kUnavailable.
absl::Status WriteFileFrom(const std::string& path, int64_t offset, absl::string_view bytes);
absl::Status SyncFile(const std::string& path);

// A file that comes in pieces. They go into a scratch file beside it (PATH.*.tmp),
// which is made durable (fsync of file and folder) and renamed at the end: the file
// is there whole, or as it was before. Without a Commit that returned OK the scratch
// file goes. Errors are kUnavailable.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Append(absl::string_view bytes);
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string scratch, int fd);

  std::string path_;
  std::string scratch_;
  int fd_;  // -1: committed, or moved away
};

// Puts the bytes of a file under a second name, durable, unless there is a file already: a
// link, or a copy where the file system has no links. kNotFound, kUnavailable.
absl::Status CopyFile(const std::string& from, const std::string& to);

// All of it at once.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

}  // namespace tpsweep
