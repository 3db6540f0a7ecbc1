#include "worker/trainer/data/idx.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

struct TypeCode {
  uint8_t code;
  NumberType type;
};
constexpr TypeCode kTypeCodes[] = {{0x08, NumberType::kUint8},   {0x09, NumberType::kInt8},
                                   {0x0b, NumberType::kInt16},   {0x0c, NumberType::kInt32},
                                   {0x0d, NumberType::kFloat32}, {0x0e, NumberType::kFloat64}};

}  // namespace

absl::StatusOr<Array> ParseIdx(absl::string_view bytes, absl::string_view name) {
  const std::unique_ptr<ByteSource> source = OpenBytes(bytes, name);
  uint8_t magic[4];
  TP_RETURN_IF_ERROR(source->Read("the magic number", magic, sizeof(magic)));
  if (magic[0] != 0 || magic[1] != 0) {
    return source->ErrorAt(0, "not an IDX file: the first two bytes are not 0");
  }
  const auto type = std::find_if(std::begin(kTypeCodes), std::end(kTypeCodes),
                                 [&](const TypeCode& row) { return row.code == magic[2]; });
  if (type == std::end(kTypeCodes)) {
    return source->ErrorAt(2, "type code 0x", absl::Hex(magic[2], absl::kZeroPad2),
                           "; legal: 0x08 (unsigned byte), 0x09 (signed byte), 0x0b (int16), 0x0c "
                           "(int32), 0x0d (float32), 0x0e (float64)");
  }
  if (magic[3] == 0) return source->ErrorAt(3, "the array has no dimensions");

  Array array;
  uint64_t count = 1;
  for (int i = 1; i <= magic[3]; ++i) {
    const uint64_t offset = source->offset();
    uint8_t big_endian[4];
    TP_RETURN_IF_ERROR(source->Read("the dimensions", big_endian, sizeof(big_endian)));
    uint64_t size = 0;
    for (const uint8_t byte : big_endian) size = size << 8 | byte;
    if (const absl::Status status = MultiplyCount(size, i, type->type, count); !status.ok()) {
      return source->ErrorAt(offset, status.message());
    }
    array.shape.push_back(static_cast<int64_t>(size));
  }
  TP_ASSIGN_OR_RETURN(array.values, ReadValues(*source, type->type, /*is_big_endian=*/true, count));
  array.sha256 = source->Digest();
  return array;
}

}  // namespace tpsweep::trainer
