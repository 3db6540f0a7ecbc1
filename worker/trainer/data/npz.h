// NumPy's .npz format: a zip archive of .npy files, stored or deflated.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/trainer/data/array.h"

namespace tpsweep::trainer {

// The arrays `names` ("train_x" is the entry train_x.npy) of the archive `bytes`, the
// content of the file `name`. Trusts nothing: of an entry no more is unpacked than
// its .npy header promises, nor more than 4 GiB. kInvalidArgument has the file, the
// entry and the reason.
absl::StatusOr<std::map<std::string, Array>> ParseNpz(absl::string_view bytes,
                                                      absl::string_view name,
                                                      absl::Span<const std::string> names);

}  // namespace tpsweep::trainer
