// The bytes of a file in order, unpacked if they are packed. Foreign bytes: readers
// ask for what a header promises, and what is missing, damaged or too much is an
// error that names the file and the offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/sha256.h"

namespace tpsweep::trainer {

// No deflate stream unpacks to more than so many times its size.
inline constexpr uint64_t kMaxDeflateRatio = 1032;

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& name() const { return name_; }
  // Of the next byte, in the unpacked file.
  uint64_t offset() const { return offset_; }

  // Reads up to `size` bytes; less only at the end.
  absl::StatusOr<size_t> ReadUpTo(void* out, size_t size);
  // Fills `out`, or says how much is missing of `what` ("the dimensions").
  absl::Status Read(absl::string_view what, void* out, size_t size);
  // Nothing may follow; `whose` says what ended ("the values that ... promise").
  absl::Status ExpectEnd(absl::string_view whose);

  // Whether so many bytes could follow: a cheap look before memory is spent.
  virtual bool CouldHold(uint64_t size) const = 0;
  // Of the file as it is stored.
  virtual uint64_t packed_size() const = 0;

  // "FILE: offset 17: REASON"
  template <class... Part>
  absl::Status ErrorAt(uint64_t offset, const Part&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": offset ", offset, ": ", parts...));
  }

  // SHA-256 of all that was read; ends the reading.
  std::string Digest() { return digest_.Finish(); }

 protected:
  explicit ByteSource(absl::string_view name) : name_(name) {}

 private:
  virtual absl::StatusOr<size_t> ReadSome(void* out, size_t size) = 0;

  const std::string name_;
  uint64_t offset_ = 0;
  Sha256 digest_;
};

// `bytes`, which must outlive the source, is the content of the file `name`: plain,
// or gzip if it begins as gzip does.
std::unique_ptr<ByteSource> OpenBytes(absl::string_view bytes, absl::string_view name);

}  // namespace tpsweep::trainer
