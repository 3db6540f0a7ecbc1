// A .npy file of any bytes is refused or read whole: as many values as its shape
// promises, the same ones if they are written again.
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "tests/fakes/data_files.h"
#include "tests/fuzz/property.h"
#include "worker/trainer/data/npy.h"

namespace tpsweep::trainer {
namespace {

template <class T>
const char* DescrOf() {
  if constexpr (std::is_same_v<T, uint8_t>) return "|u1";
  if constexpr (std::is_same_v<T, int64_t>) return "<i8";
  if constexpr (std::is_same_v<T, float>) return "<f4";
  return "<f8";
}

void Check(absl::string_view bytes) {
  const auto array = ParseNpy(bytes, "file");
  if (!array.ok()) {
    TP_PROPERTY(array.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  uint64_t count = 1;
  std::string shape = "(";
  for (const int64_t size : array->shape) {
    count *= static_cast<uint64_t>(size);
    absl::StrAppend(&shape, size, ",");
  }
  std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        TP_PROPERTY(count == values.size());
        const std::string raw = RawBytes(values);
        const auto again = ParseNpy(NpyBytes(DescrOf<T>(), shape + ")", raw), "again");
        TP_PROPERTY(again.ok());
        TP_PROPERTY(again->shape == array->shape);
        TP_PROPERTY(RawBytes(std::get<std::vector<T>>(again->values)) == raw);
      },
      array->values);
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
