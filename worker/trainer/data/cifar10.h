// The binary version of CIFAR-10: records of 1 label byte, 0 to 9, and 3072 pixels,
// red, green, blue, each row by row. Plain or gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::trainer {

inline constexpr MapShape kCifarShape = {3, 32, 32};

struct CifarRecords {
  std::vector<uint8_t> pixels;  // 3072 for each label
  std::vector<uint8_t> labels;
};

// Appends the records of `bytes`, the content of the file `name`, and returns the
// SHA-256 of the unpacked file. Trusts nothing, and reads no more than 20,000
// records, twice those of a published file. kInvalidArgument has the file, the
// offset and the reason.
absl::StatusOr<std::string> AppendCifar(absl::string_view bytes, absl::string_view name,
                                        CifarRecords& records);

}  // namespace tpsweep::trainer
