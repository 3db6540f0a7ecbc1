#include "worker/trainer/data/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

constexpr absl::string_view kGzipMagic = "\x1f\x8b";

class PlainSource final : public ByteSource {
 public:
  PlainSource(absl::string_view bytes, absl::string_view name)
      : ByteSource(name), left_(bytes), size_(bytes.size()) {}
  bool CouldHold(uint64_t size) const override { return size <= left_.size(); }
  uint64_t packed_size() const override { return size_; }

 private:
  absl::StatusOr<size_t> ReadSome(void* out, size_t size) override {
    const size_t got = std::min(size, left_.size());
    if (got > 0) std::memcpy(out, left_.data(), got);
    left_.remove_prefix(got);
    return got;
  }

  absl::string_view left_;
  size_t size_;
};

class GzipSource final : public ByteSource {
 public:
  GzipSource(absl::string_view bytes, absl::string_view name) : ByteSource(name), bytes_(bytes) {
    constexpr int kGzipOnly = 16;
    inflateInit2(&stream_, MAX_WBITS + kGzipOnly);
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  bool CouldHold(uint64_t size) const override { return size / kMaxDeflateRatio <= bytes_.size(); }
  uint64_t packed_size() const override { return bytes_.size(); }

 private:
  absl::StatusOr<size_t> ReadSome(void* out, size_t size) override {
    constexpr size_t kChunk = size_t{1} << 30;  // zlib counts in 32 bits
    size_t done = 0;
    while (done < size && !at_end_) {
      const size_t in = std::min(kChunk, bytes_.size() - taken_);
      const size_t room = std::min(kChunk, size - done);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + taken_));
      stream_.avail_in = static_cast<uInt>(in);
      stream_.next_out = static_cast<Bytef*>(out) + done;
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      taken_ += in - stream_.avail_in;
      done += room - stream_.avail_out;
      if (result == Z_STREAM_END) {
        at_end_ = true;
        if (taken_ != bytes_.size()) return Error("bytes follow the end of the gzip data");
      } else if (result == Z_BUF_ERROR) {
        return Error("the gzip data are cut short");
      } else if (result != Z_OK) {
        return Error(stream_.msg != nullptr ? stream_.msg : "the gzip data are damaged");
      }
    }
    return done;
  }

  absl::Status Error(absl::string_view reason) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name(), ": offset ", taken_, " of the compressed file: ", reason));
  }

  absl::string_view bytes_;
  size_t taken_ = 0;
  bool at_end_ = false;
  z_stream stream_{};
};

}  // namespace

absl::StatusOr<size_t> ByteSource::ReadUpTo(void* out, size_t size) {
  TP_ASSIGN_OR_RETURN(const size_t got, ReadSome(out, size));
  digest_.Add(absl::string_view(static_cast<const char*>(out), got));
  offset_ += got;
  return got;
}

absl::Status ByteSource::Read(absl::string_view what, void* out, size_t size) {
  TP_ASSIGN_OR_RETURN(const size_t got, ReadUpTo(out, size));
  if (got == size) return absl::OkStatus();
  return ErrorAt(offset_, "the file ends within ", what, ": ", size - got, " of ", size,
                 " bytes are missing");
}

absl::Status ByteSource::ExpectEnd(absl::string_view whose) {
  const uint64_t end = offset_;
  uint8_t beyond = 0;
  TP_ASSIGN_OR_RETURN(const size_t got, ReadUpTo(&beyond, 1));
  if (got == 0) return absl::OkStatus();
  return ErrorAt(end, "bytes follow ", whose);
}

std::unique_ptr<ByteSource> OpenBytes(absl::string_view bytes, absl::string_view name) {
  if (absl::StartsWith(bytes, kGzipMagic)) return std::make_unique<GzipSource>(bytes, name);
  return std::make_unique<PlainSource>(bytes, name);
}

}  // namespace tpsweep::trainer
