// NumPy's .npy format: magic, version, the length of a header, the header (a Python
// dict that gives type, order and shape), the values.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/array.h"
#include "worker/trainer/data/byte_source.h"

namespace tpsweep::trainer {

// Versions 1 to 3, C order, little-endian: b1, i1 to i8, u1 to u8, f4, f8. Trusts
// nothing, and never reads more than the header promises, nor more than 4 GiB.
// kInvalidArgument has the file, the offset and the reason. An array of one number
// has no dimensions.
absl::StatusOr<Array> ReadNpy(ByteSource& source);

// `bytes` is the content of the file `name`.
absl::StatusOr<Array> ParseNpy(absl::string_view bytes, absl::string_view name);

}  // namespace tpsweep::trainer
