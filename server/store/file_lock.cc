#include "server/store/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tpsweep::server {

absl::StatusOr<FileLock> FileLock::Take(const std::string& path) {
  FileLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.fd_ < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot create the lock file ", path, ": ", std::strerror(errno)));
  }
  // Of the open file, not of the process: a second store in one process is
  // refused too, and closing another descriptor of the file does not unlock it.
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(lock.fd_, F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return absl::UnavailableError(absl::StrCat("cannot lock ", path, ": ", std::strerror(errno)));
    }
    char text[32] = {};
    const ssize_t size = pread(lock.fd_, text, sizeof(text) - 1, 0);
    const absl::string_view pid = absl::StripAsciiWhitespace(
        absl::string_view(text, size > 0 ? static_cast<size_t>(size) : 0));
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is locked by process ", pid.empty() ? "(unknown)" : pid));
  }
  // The lock holds even if this fails; a second server could only not say by whom.
  const std::string text = absl::StrCat(getpid(), "\n");
  [[maybe_unused]] const bool is_written =
      ftruncate(lock.fd_, 0) == 0 &&
      pwrite(lock.fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace tpsweep::server
