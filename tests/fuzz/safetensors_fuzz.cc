// A safetensors file of any bytes is refused or read whole, and what was read is
// written back to the same.
#include "tests/fuzz/property.h"
#include "worker/trainer/data/safetensors.h"

namespace tpsweep::trainer {
namespace {

int64_t BytesOf(TensorType type) {
  switch (type) {
    case TensorType::kUint8:
      return 1;
    case TensorType::kFloat32:
      return 4;
    default:
      return 8;
  }
}

void Check(absl::string_view bytes) {
  const auto file = ParseSafetensors(bytes, "file");
  if (!file.ok()) {
    TP_PROPERTY(file.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  int64_t total = 0;
  for (const auto& [name, tensor] : file->tensors) {
    const auto size = static_cast<int64_t>(tensor.data.size());
    TP_PROPERTY(tensor.num_elements() * BytesOf(tensor.type) == size);
    total += size;
  }
  TP_PROPERTY(total <= static_cast<int64_t>(bytes.size()));

  const auto again = ParseSafetensors(SerializeSafetensors(*file), "again");
  TP_PROPERTY(again.ok());
  TP_PROPERTY(again->metadata == file->metadata);
  TP_PROPERTY(again->tensors.size() == file->tensors.size());
  for (const auto& [name, tensor] : file->tensors) {
    const auto found = again->tensors.find(name);
    TP_PROPERTY(found != again->tensors.end());
    TP_PROPERTY(found->second.type == tensor.type);
    TP_PROPERTY(found->second.shape == tensor.shape);
    TP_PROPERTY(found->second.data == tensor.data);
  }
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
