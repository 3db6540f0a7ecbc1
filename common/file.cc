#include "common/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/descriptor.h"
#include "common/failpoint.h"
#include "common/huge_pages.h"
#include "common/status_macros.h"

namespace tpsweep {
namespace {

absl::Status ErrnoStatus(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

// Makes the name of a file durable.
absl::Status SyncFolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const Descriptor parent(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.fd() < 0 || fsync(parent.fd()) != 0) return ErrnoStatus("make durable", folder);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  // Not blocking: a pipe without a writer would keep open() waiting.
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) return ErrnoStatus("open", path);
  struct stat info {};
  if (fstat(file.fd(), &info) != 0) return ErrnoStatus("look at", path);
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  if (info.st_size > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", info.st_size, " bytes; at most ", max_bytes, " are read"));
  }
  std::string bytes;
  bytes.reserve(static_cast<size_t>(info.st_size));
  AdviseHugePages(bytes.data(), bytes.capacity());
  bytes.resize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.fd(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read", path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::StatusOr<std::string> ReadFileRange(const std::string& path, int64_t offset, int64_t size) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return ErrnoStatus("open", path);
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = pread(file.fd(), bytes.data() + done, bytes.size() - done,
                              offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read", path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteFileFrom(const std::string& path, int64_t offset, absl::string_view bytes) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.fd() < 0) return ErrnoStatus("open", path);
  if (ftruncate(file.fd(), offset) != 0) return ErrnoStatus("cut", path);
  Reach(Failpoint::kBeforeAppend);
  int64_t at = offset;
  while (!bytes.empty()) {
    const ssize_t put = pwrite(file.fd(), bytes.data(), bytes.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const absl::Status status = ErrnoStatus("write", path);
      return ftruncate(file.fd(), offset) == 0 ? status : ErrnoStatus("cut", path);
    }
    at += put;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  Reach(Failpoint::kAfterAppend);
  return absl::OkStatus();
}

absl::Status SyncFile(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.fd() < 0) return ErrnoStatus("open", path);
  return fdatasync(file.fd()) == 0 ? absl::OkStatus() : ErrnoStatus("make durable", path);
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  static std::atomic<uint64_t> count = 0;
  std::string scratch = absl::StrCat(path, ".", getpid(), ".", ++count, ".tmp");
  const int fd = open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("create", scratch);
  return AtomicFile(path, std::move(scratch), fd);
}

AtomicFile::AtomicFile(std::string path, std::string scratch, int fd)
    : path_(std::move(path)), scratch_(std::move(scratch)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      scratch_(std::move(other.scratch_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(scratch_.c_str());
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus("write", scratch_);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(fd_) != 0) return ErrnoStatus("make durable", scratch_);
  Reach(Failpoint::kBeforeRename);
  if (rename(scratch_.c_str(), path_.c_str()) != 0) return ErrnoStatus("rename", path_);
  Reach(Failpoint::kAfterRename);
  close(std::exchange(fd_, -1));
  return SyncFolderOf(path_);
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return SyncFolderOf(to);
  if (errno == ENOENT) return ErrnoStatus("link", from);
  TP_ASSIGN_OR_RETURN(AtomicFile copy, AtomicFile::Create(to));
  constexpr int64_t kPart = 1 << 20;
  for (int64_t offset = 0;; offset += kPart) {
    TP_ASSIGN_OR_RETURN(const std::string part, ReadFileRange(from, offset, kPart));
    if (part.empty()) return copy.Commit();
    TP_RETURN_IF_ERROR(copy.Append(part));
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes) {
  TP_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  TP_RETURN_IF_ERROR(file.Append(bytes));
  return file.Commit();
}

}  // namespace tpsweep
