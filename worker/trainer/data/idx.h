// The IDX file format of MNIST and its kin: two zero bytes, a type code, the
// number of dimensions, the dimensions and the values, all big-endian. Plain or gzip.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/array.h"

namespace tpsweep::trainer {

// `bytes` is the content of the file `name`. Trusts nothing, and never unpacks
// more than the header promises, nor more than 4 GiB. kInvalidArgument has the
// file, the byte offset (in the unpacked file, unless it says otherwise) and the
// reason. The array has one dimension or more.
absl::StatusOr<Array> ParseIdx(absl::string_view bytes, absl::string_view name);

}  // namespace tpsweep::trainer
