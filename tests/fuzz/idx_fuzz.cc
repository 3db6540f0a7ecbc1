// An IDX file of any bytes, plain or gzip, is refused or read whole: as many
// values as its dimensions promise, the same ones if it is written plain.
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
  TP_PROPERTY(count == array->values.size());
  const absl::string_view values(reinterpret_cast<const char*>(array->values.data()),
                                 array->values.size());
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
