#include "worker/trainer/data/npy.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr uint32_t kMaxHeaderBytes = 65536;  // a header of ours needs some hundred
constexpr char kLegalTypes[] =
    "'|b1', '|i1', '|u1', '<i2', '<u2', '<i4', '<u4', '<i8', '<u8', '<f4', '<f8'";

struct TypeName {
  const char* name;  // without the byte order
  NumberType type;
};
constexpr TypeName kTypeNames[] = {
    {"b1", NumberType::kBool},    {"i1", NumberType::kInt8},    {"u1", NumberType::kUint8},
    {"i2", NumberType::kInt16},   {"u2", NumberType::kUint16},  {"i4", NumberType::kInt32},
    {"u4", NumberType::kUint32},  {"i8", NumberType::kInt64},   {"u8", NumberType::kUint64},
    {"f4", NumberType::kFloat32}, {"f8", NumberType::kFloat64},
};

struct Header {
  NumberType type = NumberType::kUint8;
  bool is_fortran_order = false;
  std::vector<int64_t> shape;
  uint64_t count = 1;
};

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }: the keys in any
// order, each once, and no other.
class HeaderParser {
 public:
  HeaderParser(absl::string_view text, uint64_t offset, const ByteSource& source)
      : text_(text), left_(text), offset_(offset), source_(source) {}

  absl::StatusOr<Header> Parse() {
    if (!Take('{')) return Error("the header does not begin with '{'");
    while (!Take('}')) {
      TP_ASSIGN_OR_RETURN(const std::string key, ParseText());
      if (!Take(':')) return Error("':' expected after '", absl::CHexEscape(key), "'");
      TP_RETURN_IF_ERROR(ParseValue(key));
      if (Take(',')) continue;
      if (Take('}')) break;
      return Error("',' or '}' expected");
    }
    SkipSpace();
    if (!left_.empty()) return Error("text follows the end of the header");
    if (!has_type_) return Error("the header has no 'descr'");
    if (!has_order_) return Error("the header has no 'fortran_order'");
    if (!shape_) return Error("the header has no 'shape'");
    for (const uint64_t size : *shape_) {
      header_.shape.push_back(static_cast<int64_t>(size));
      const absl::Status status =
          MultiplyCount(size, static_cast<int>(header_.shape.size()), header_.type, header_.count);
      if (!status.ok()) return source_.ErrorAt(offset_, "'shape': ", status.message());
    }
    if (header_.is_fortran_order && header_.shape.size() > 1) {
      return source_.ErrorAt(offset_,
                             "the array is in Fortran order; save it in C order: np.save(FILE, "
                             "np.ascontiguousarray(ARRAY))");
    }
    return header_;
  }

 private:
  template <class... Part>
  absl::Status Error(const Part&... parts) const {
    return source_.ErrorAt(offset_ + (text_.size() - left_.size()), parts...);
  }

  void SkipSpace() {
    while (!left_.empty() && absl::ascii_isspace(static_cast<unsigned char>(left_[0]))) {
      left_.remove_prefix(1);
    }
  }

  bool Take(char c) {
    SkipSpace();
    if (left_.empty() || left_[0] != c) return false;
    left_.remove_prefix(1);
    return true;
  }

  // In single or double quotes; no escapes, which no header needs.
  absl::StatusOr<std::string> ParseText() {
    SkipSpace();
    if (left_.empty() || (left_[0] != '\'' && left_[0] != '"')) {
      return Error("a text in quotes expected");
    }
    const size_t end = left_.find(left_[0], 1);
    if (end == absl::string_view::npos) return Error("the text has no end");
    std::string text(left_.substr(1, end - 1));
    left_.remove_prefix(end + 1);
    return text;
  }

  absl::Status ParseValue(const std::string& key) {
    if (key == "descr") return std::exchange(has_type_, true) ? Twice(key) : ParseType();
    if (key == "fortran_order") return std::exchange(has_order_, true) ? Twice(key) : ParseOrder();
    if (key == "shape") return shape_ ? Twice(key) : ParseShape();
    return Error("the key '", absl::CHexEscape(key),
                 "' is not known; legal: descr, fortran_order, shape");
  }

  absl::Status Twice(const std::string& key) const { return Error("the key '", key, "' twice"); }

  absl::Status ParseType() {
    SkipSpace();
    if (absl::StartsWith(left_, "[")) {
      return Error("'descr' is a structured type; legal: ", kLegalTypes);
    }
    TP_ASSIGN_OR_RETURN(const std::string descr, ParseText());
    const auto known =
        std::find_if(std::begin(kTypeNames), std::end(kTypeNames), [&](const TypeName& row) {
          return !descr.empty() && absl::string_view(descr).substr(1) == row.name;
        });
    if (known == std::end(kTypeNames) || !absl::StrContains("<>|=", descr.substr(0, 1))) {
      return Error("'descr' is '", absl::CHexEscape(descr), "'; legal: ", kLegalTypes);
    }
    header_.type = known->type;
    const bool has_order = BytesOf(known->type) > 1;
    if (has_order && descr[0] == '>') {
      return Error("'descr' is '", descr, "', which is big-endian; save it as '<", known->name,
                   "': ARRAY.astype('<", known->name, "')");
    }
    if (has_order && descr[0] != '<') {
      return Error("'descr' is '", descr, "' without a byte order; legal: '<", known->name, "'");
    }
    return absl::OkStatus();
  }

  absl::Status ParseOrder() {
    SkipSpace();
    header_.is_fortran_order = absl::ConsumePrefix(&left_, "True");
    if (header_.is_fortran_order || absl::ConsumePrefix(&left_, "False")) return absl::OkStatus();
    return Error("'fortran_order' must be True or False");
  }

  absl::Status ParseShape() {
    shape_.emplace();
    if (!Take('(')) return Error("'shape' must be a tuple, as in (60000, 784)");
    while (!Take(')')) {
      SkipSpace();
      size_t length = 0;
      while (length < left_.size() &&
             absl::ascii_isdigit(static_cast<unsigned char>(left_[length]))) {
        ++length;
      }
      constexpr uint64_t kMostSize = uint64_t{1} << 62;
      uint64_t size = 0;
      if (!absl::SimpleAtoi(left_.substr(0, length), &size) || size > kMostSize) {
        return Error("'shape' has an entry that is not a whole number below 2^62");
      }
      left_.remove_prefix(length);
      shape_->push_back(size);
      if (Take(',')) continue;
      if (shape_->size() > 1 && Take(')')) break;  // one alone needs its comma
      return Error("',' or ')' expected in 'shape'");
    }
    return absl::OkStatus();
  }

  const absl::string_view text_;
  absl::string_view left_;
  const uint64_t offset_;  // of the text in the file
  const ByteSource& source_;
  Header header_;
  bool has_type_ = false;
  bool has_order_ = false;
  std::optional<std::vector<uint64_t>> shape_;
};

}  // namespace

absl::StatusOr<Array> ReadNpy(ByteSource& source) {
  constexpr size_t kMagicSize = 6;
  unsigned char begin[kMagicSize + 2];
  TP_RETURN_IF_ERROR(source.Read("the magic number", begin, sizeof(begin)));
  if (std::memcmp(begin, kMagic.data(), kMagicSize) != 0) {
    return source.ErrorAt(0, "not a .npy file: it does not begin with \\x93NUMPY");
  }
  const int version = begin[kMagicSize];
  if (version < 1 || version > 3 || begin[kMagicSize + 1] != 0) {
    return source.ErrorAt(kMagicSize, "version ", version, ".", begin[kMagicSize + 1],
                          " of the format; legal: 1.0, 2.0, 3.0");
  }
  const uint64_t length_at = source.offset();
  unsigned char little_endian[4] = {};
  TP_RETURN_IF_ERROR(source.Read("the length of the header", little_endian, version == 1 ? 2 : 4));
  uint32_t length = 0;
  for (int i = 3; i >= 0; --i) length = length << 8 | little_endian[i];
  if (length > kMaxHeaderBytes) {
    return source.ErrorAt(length_at, "the header would have ", length, " bytes; at most ",
                          kMaxHeaderBytes, " are legal");
  }
  const uint64_t header_at = source.offset();
  std::string text(length, '\0');
  TP_RETURN_IF_ERROR(source.Read("the header", text.data(), length));
  TP_ASSIGN_OR_RETURN(Header header, HeaderParser(text, header_at, source).Parse());

  Array array;
  array.shape = std::move(header.shape);
  TP_ASSIGN_OR_RETURN(array.values,
                      ReadValues(source, header.type, /*is_big_endian=*/false, header.count));
  array.sha256 = source.Digest();
  return array;
}

absl::StatusOr<Array> ParseNpy(absl::string_view bytes, absl::string_view name) {
  return ReadNpy(*OpenBytes(bytes, name));
}

}  // namespace tpsweep::trainer
