// A file descriptor that closes itself on every way out. -1: none.
#pragma once

#include <unistd.h>

#include <utility>

namespace tpsweep {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace tpsweep
