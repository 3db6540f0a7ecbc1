// An array of numbers read from a file, whatever its format.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/byte_source.h"

namespace tpsweep::trainer {

// Bytes stay bytes, all other whole numbers become int64_t.
using Values = std::variant<std::vector<uint8_t>, std::vector<int64_t>, std::vector<float>,
                            std::vector<double>>;

struct Array {
  std::vector<int64_t> shape;
  Values values;       // row-major, as many as the shape says
  std::string sha256;  // of the whole unpacked file, in hexadecimal
};

enum class NumberType {
  kBool,
  kUint8,
  kInt8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat32,
  kFloat64
};

size_t BytesOf(NumberType type);

// What one array may take in memory.
inline constexpr uint64_t kMaxArrayBytes = uint64_t{1} << 32;

// Multiplies `count`, the product of the dimensions so far, by dimension `number`
// (from 1). An error without a place, to be said where the dimension stands: a
// dimension of 0, or values that would take more than kMaxArrayBytes.
absl::Status MultiplyCount(uint64_t size, int number, NumberType type, uint64_t& count);

// The `count` values that are the rest of `source`, to the last byte. Spends memory
// only if the source could hold them.
absl::StatusOr<Values> ReadValues(ByteSource& source, NumberType type, bool is_big_endian,
                                  uint64_t count);

// "2x1x3"
std::string ShapeText(const std::vector<int64_t>& shape);

}  // namespace tpsweep::trainer
