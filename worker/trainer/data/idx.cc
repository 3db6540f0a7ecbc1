#include "worker/trainer/data/idx.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

constexpr uint64_t kMaxValues = uint64_t{1} << 32;
constexpr uint64_t kMaxDeflateRatio = 1032;  // no deflate stream unpacks to more
constexpr uint8_t kUnsignedByte = 0x08;
constexpr absl::string_view kGzipMagic = "\x1f\x8b";

// Reads the unpacked bytes in order, and keeps their digest.
class Source {
 public:
  virtual ~Source() = default;

  // Reads up to `size` bytes; less only at the end.
  absl::StatusOr<size_t> Read(uint8_t* out, size_t size) {
    TP_ASSIGN_OR_RETURN(const size_t got, ReadSome(out, size));
    EVP_DigestUpdate(digest_.get(), out, got);
    return got;
  }

  // Whether so many bytes could follow: a cheap look before memory is spent.
  virtual bool CouldHold(uint64_t size) const = 0;

  std::string Sha256() {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    EVP_DigestFinal_ex(digest_.get(), reinterpret_cast<unsigned char*>(digest.data()), &length);
    return absl::BytesToHexString(absl::string_view(digest).substr(0, length));
  }

 protected:
  Source() { EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr); }
  virtual absl::StatusOr<size_t> ReadSome(uint8_t* out, size_t size) = 0;

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest_{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
};

class PlainSource final : public Source {
 public:
  explicit PlainSource(absl::string_view bytes) : left_(bytes) {}
  bool CouldHold(uint64_t size) const override { return size <= left_.size(); }

 protected:
  absl::StatusOr<size_t> ReadSome(uint8_t* out, size_t size) override {
    const size_t got = std::min(size, left_.size());
    if (got > 0) std::memcpy(out, left_.data(), got);
    left_.remove_prefix(got);
    return got;
  }

 private:
  absl::string_view left_;
};

class GzipSource final : public Source {
 public:
  GzipSource(absl::string_view bytes, absl::string_view name) : bytes_(bytes), name_(name) {
    constexpr int kGzipOnly = 16;
    inflateInit2(&stream_, MAX_WBITS + kGzipOnly);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  bool CouldHold(uint64_t size) const override { return size / kMaxDeflateRatio <= bytes_.size(); }

 protected:
  absl::StatusOr<size_t> ReadSome(uint8_t* out, size_t size) override {
    constexpr size_t kChunk = size_t{1} << 30;  // zlib counts in 32 bits
    size_t done = 0;
    while (done < size && !at_end_) {
      const size_t in = std::min(kChunk, bytes_.size() - taken_);
      const size_t room = std::min(kChunk, size - done);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + taken_));
      stream_.avail_in = static_cast<uInt>(in);
      stream_.next_out = out + done;
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

 private:
  absl::Status Error(absl::string_view reason) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": offset ", taken_, " of the compressed file: ", reason));
  }

  absl::string_view bytes_;
  absl::string_view name_;
  size_t taken_ = 0;
  bool at_end_ = false;
  z_stream stream_{};
};

absl::Status ErrorAt(absl::string_view name, uint64_t offset, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": offset ", offset, ": ", reason));
}

// Fills `out` or says how much is missing of `what`.
absl::Status ReadAll(Source& source, absl::string_view name, uint64_t offset,
                     absl::string_view what, uint8_t* out, size_t size) {
  TP_ASSIGN_OR_RETURN(const size_t got, source.Read(out, size));
  if (got == size) return absl::OkStatus();
  return ErrorAt(name, offset + got,
                 absl::StrCat("the file ends within ", what, ": ", size - got, " of ", size,
                              " bytes are missing"));
}

}  // namespace

absl::StatusOr<IdxArray> ParseIdx(absl::string_view bytes, absl::string_view name) {
  std::unique_ptr<Source> source;
  if (bytes.substr(0, kGzipMagic.size()) == kGzipMagic) {
    source = std::make_unique<GzipSource>(bytes, name);
  } else {
    source = std::make_unique<PlainSource>(bytes);
  }

  uint8_t magic[4];
  TP_RETURN_IF_ERROR(ReadAll(*source, name, 0, "the magic number", magic, sizeof(magic)));
  if (magic[0] != 0 || magic[1] != 0) {
    return ErrorAt(name, 0, "not an IDX file: the first two bytes are not 0");
  }
  if (magic[2] != kUnsignedByte) {
    return ErrorAt(name, 2,
                   absl::StrCat("type code 0x", absl::Hex(magic[2], absl::kZeroPad2),
                                "; only 0x08 (unsigned byte) is supported"));
  }
  if (magic[3] == 0) return ErrorAt(name, 3, "the array has no dimensions");

  IdxArray array;
  uint64_t offset = sizeof(magic);
  uint64_t count = 1;
  for (int i = 0; i < magic[3]; ++i) {
    uint8_t big_endian[4];
    TP_RETURN_IF_ERROR(
        ReadAll(*source, name, offset, "the dimensions", big_endian, sizeof(big_endian)));
    uint64_t size = 0;
    for (const uint8_t byte : big_endian) size = size << 8 | byte;
    if (size == 0) return ErrorAt(name, offset, absl::StrCat("dimension ", i + 1, " is 0"));
    if (count > kMaxValues / size) {
      return ErrorAt(name, offset,
                     absl::StrCat("the dimensions promise more than ", kMaxValues, " bytes"));
    }
    count *= size;
    array.shape.push_back(static_cast<int64_t>(size));
    offset += sizeof(big_endian);
  }
  if (!source->CouldHold(count)) {
    return ErrorAt(name, offset,
                   absl::StrCat("the dimensions promise ", count, " bytes of values; a file of ",
                                bytes.size(), " bytes cannot hold them"));
  }
  array.values.resize(count);
  TP_RETURN_IF_ERROR(ReadAll(*source, name, offset, "the values", array.values.data(), count));
  uint8_t beyond = 0;
  TP_ASSIGN_OR_RETURN(const size_t trailing, source->Read(&beyond, 1));
  if (trailing > 0) {
    return ErrorAt(name, offset + count, "bytes follow the values that the dimensions promise");
  }
  array.sha256 = source->Sha256();
  return array;
}

}  // namespace tpsweep::trainer
