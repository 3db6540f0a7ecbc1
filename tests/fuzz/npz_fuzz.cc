// A .npz archive of any bytes is refused, or its arrays are whole.
#include "tests/fuzz/property.h"
#include "worker/trainer/data/npz.h"

namespace tpsweep::trainer {
namespace {

void Check(absl::string_view bytes) {
  const auto arrays = ParseNpz(bytes, "file", {"x", "y"});
  if (!arrays.ok()) {
    TP_PROPERTY(arrays.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  TP_PROPERTY(arrays->size() == 2);
  for (const auto& [name, array] : *arrays) {
    uint64_t count = 1;
    for (const int64_t size : array.shape) count *= static_cast<uint64_t>(size);
    std::visit([&](const auto& values) { TP_PROPERTY(count == values.size()); }, array.values);
  }
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
