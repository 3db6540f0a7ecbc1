#include "worker/trainer/data/array.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/huge_pages.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

// What one value takes in memory.
size_t StoredBytes(NumberType type) {
  switch (type) {
    case NumberType::kUint8:
      return sizeof(uint8_t);
    case NumberType::kFloat32:
      return sizeof(float);
    default:
      return sizeof(int64_t);
  }
}

template <class T>
void ReverseBytes(T& value) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  std::reverse(bytes, bytes + sizeof(T));
  std::memcpy(&value, bytes, sizeof(T));
}

// Values that are kept as they are stored.
template <class T>
absl::StatusOr<Values> ReadAsTheyAre(ByteSource& source, bool is_big_endian, uint64_t count) {
  std::vector<T> values;
  values.reserve(count);
  AdviseHugePages(values.data(), count * sizeof(T));
  values.resize(count);
  TP_RETURN_IF_ERROR(source.Read("the values", values.data(), count * sizeof(T)));
  if constexpr (sizeof(T) > 1) {
    if (is_big_endian) std::for_each(values.begin(), values.end(), ReverseBytes<T>);
  }
  return Values(std::move(values));
}

template <class T>
absl::StatusOr<Values> ReadWhole(ByteSource& source, bool is_big_endian, uint64_t count) {
  constexpr uint64_t kChunk = 65536;
  std::vector<int64_t> values;
  values.reserve(count);
  std::vector<T> chunk;
  while (values.size() < count) {
    const uint64_t offset = source.offset();
    chunk.resize(std::min(kChunk, count - values.size()));
    TP_RETURN_IF_ERROR(source.Read("the values", chunk.data(), chunk.size() * sizeof(T)));
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (is_big_endian) ReverseBytes(chunk[i]);
      if constexpr (std::is_same_v<T, uint64_t>) {
        if (chunk[i] > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
          return source.ErrorAt(offset + i * sizeof(T), chunk[i],
                                " is too large; at most 2^63 - 1 is legal");
        }
      }
      values.push_back(static_cast<int64_t>(chunk[i]));
    }
  }
  return Values(std::move(values));
}

absl::StatusOr<Values> ReadByType(ByteSource& source, NumberType type, bool is_big_endian,
                                  uint64_t count) {
  switch (type) {
    case NumberType::kUint8:
      return ReadAsTheyAre<uint8_t>(source, is_big_endian, count);
    case NumberType::kFloat32:
      return ReadAsTheyAre<float>(source, is_big_endian, count);
    case NumberType::kFloat64:
      return ReadAsTheyAre<double>(source, is_big_endian, count);
    case NumberType::kBool:
    case NumberType::kInt8:
      return ReadWhole<int8_t>(source, is_big_endian, count);
    case NumberType::kInt16:
      return ReadWhole<int16_t>(source, is_big_endian, count);
    case NumberType::kUint16:
      return ReadWhole<uint16_t>(source, is_big_endian, count);
    case NumberType::kInt32:
      return ReadWhole<int32_t>(source, is_big_endian, count);
    case NumberType::kUint32:
      return ReadWhole<uint32_t>(source, is_big_endian, count);
    case NumberType::kInt64:
      return ReadWhole<int64_t>(source, is_big_endian, count);
    case NumberType::kUint64:
      return ReadWhole<uint64_t>(source, is_big_endian, count);
  }
  return absl::InternalError("no such type");
}

}  // namespace

size_t BytesOf(NumberType type) {
  switch (type) {
    case NumberType::kBool:
    case NumberType::kUint8:
    case NumberType::kInt8:
      return 1;
    case NumberType::kInt16:
    case NumberType::kUint16:
      return 2;
    case NumberType::kInt32:
    case NumberType::kUint32:
    case NumberType::kFloat32:
      return 4;
    default:
      return 8;
  }
}

absl::Status MultiplyCount(uint64_t size, int number, NumberType type, uint64_t& count) {
  if (size == 0) return absl::InvalidArgumentError(absl::StrCat("dimension ", number, " is 0"));
  if (count > kMaxArrayBytes / StoredBytes(type) / size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the dimensions promise values that take more than ", kMaxArrayBytes, " bytes of memory"));
  }
  count *= size;
  return absl::OkStatus();
}

absl::StatusOr<Values> ReadValues(ByteSource& source, NumberType type, bool is_big_endian,
                                  uint64_t count) {
  const uint64_t bytes = count * BytesOf(type);
  if (!source.CouldHold(bytes)) {
    return source.ErrorAt(source.offset(), "the dimensions promise ", bytes,
                          " bytes of values; a file of ", source.packed_size(),
                          " bytes cannot hold them");
  }
  TP_ASSIGN_OR_RETURN(Values values, ReadByType(source, type, is_big_endian, count));
  TP_RETURN_IF_ERROR(source.ExpectEnd("the values that the dimensions promise"));
  return values;
}

std::string ShapeText(const std::vector<int64_t>& shape) { return absl::StrJoin(shape, "x"); }

}  // namespace tpsweep::trainer
