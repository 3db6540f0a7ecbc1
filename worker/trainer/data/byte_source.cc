#include "worker/trainer/data/byte_source.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>

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

absl::string_view ReasonOf(int isal_error) {
  switch (isal_error) {
    case ISAL_INVALID_BLOCK:
      return "a deflate block is damaged";
    case ISAL_INVALID_SYMBOL:
      return "a symbol that deflate does not have";
    case ISAL_INVALID_LOOKBACK:
      return "a reference to before the beginning";
    case ISAL_INCORRECT_CHECKSUM:
      return "the checksum does not match";
    case ISAL_UNSUPPORTED_METHOD:
      return "not packed by deflate";
    default:
      return "the gzip data are damaged";
  }
}

class GzipSource final : public ByteSource {
 public:
  GzipSource(absl::string_view bytes, absl::string_view name)
      : ByteSource(name), bytes_(bytes), stream_(std::make_unique<inflate_state>()) {
    isal_inflate_init(stream_.get());
    stream_->crc_flag = ISAL_GZIP;
  }

  bool CouldHold(uint64_t size) const override { return size / kMaxDeflateRatio <= bytes_.size(); }
  uint64_t packed_size() const override { return bytes_.size(); }

 private:
  absl::StatusOr<size_t> ReadSome(void* out, size_t size) override {
    constexpr size_t kChunk = size_t{1} << 30;  // sizes are counted in 32 bits
    size_t done = 0;
    while (done < size && !at_end_) {
      const size_t in = std::min(kChunk, bytes_.size() - taken_);
      const size_t room = std::min(kChunk, size - done);
      stream_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes_.data() + taken_));
      stream_->avail_in = static_cast<uint32_t>(in);
      stream_->next_out = static_cast<uint8_t*>(out) + done;
      stream_->avail_out = static_cast<uint32_t>(room);
      const int result = isal_inflate(stream_.get());
      taken_ += in - stream_->avail_in;
      done += room - stream_->avail_out;
      if (result < 0) return Error(ReasonOf(result));
      if (stream_->block_state == ISAL_BLOCK_FINISH) {
        at_end_ = true;
        if (taken_ != bytes_.size()) return Error("bytes follow the end of the gzip data");
      } else if (taken_ == bytes_.size() && stream_->avail_out > 0) {
        return Error("the gzip data are cut short");
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
  std::unique_ptr<inflate_state> stream_;
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
