// An IDX file of any bytes, plain or gzip, is refused or read whole: as many
// values as its dimensions promise, bytes the same ones if they are written plain.
#include "tests/fakes/synthetic_idx.h"
#include "tests/fuzz/property.h"
#include "worker/trainer/data/idx.h"

namespace tpsweep::trainer {
namespace {

void Check(absl::string_view bytes) {
  const auto array = ParseIdx(bytes, "file");
  if (!array.ok()) {
    TP_PROPERTY(array.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  uint64_t count = 1;
  std::vector<uint32_t> shape;
  for (const int64_t size : array->shape) {
    count *= static_cast<uint64_t>(size);
    shape.push_back(static_cast<uint32_t>(size));
  }
  std::visit([&](const auto& values) { TP_PROPERTY(count == values.size()); }, array->values);
  const auto* pixels = std::get_if<std::vector<uint8_t>>(&array->values);
  if (pixels == nullptr) return;
  const absl::string_view values(reinterpret_cast<const char*>(pixels->data()), pixels->size());
  const auto plain = ParseIdx(IdxBytes(shape, values), "plain");
  TP_PROPERTY(plain.ok());
  TP_PROPERTY(plain->values == array->values);
  TP_PROPERTY(plain->sha256 == array->sha256);
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
