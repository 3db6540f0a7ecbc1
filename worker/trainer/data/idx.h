// The IDX file format of MNIST and its kin: two zero bytes, a type code, the
// number of dimensions, the dimensions (big-endian), the values. Plain or gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep::trainer {

// Unsigned bytes, the only type that data sets of this format have.
struct IdxArray {
  std::vector<int64_t> shape;  // at least one dimension
  std::vector<uint8_t> values;
  std::string sha256;  // of the whole uncompressed file, in hexadecimal
};

// `bytes` is the content of the file `name`. Trusts nothing, and never unpacks
// more than the header promises, nor more than 4 GiB. kInvalidArgument has the
// file, the byte offset (in the unpacked file, unless it says otherwise) and the
// reason.
absl::StatusOr<IdxArray> ParseIdx(absl::string_view bytes, absl::string_view name);

}  // namespace tpsweep::trainer
