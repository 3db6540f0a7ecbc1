// A CIFAR-10 file of any bytes, plain or gzip, is refused, or is whole records that
// are the same when they are written plain.
#include "tests/fuzz/property.h"
#include "worker/trainer/data/cifar10.h"

namespace tpsweep::trainer {
namespace {

void Check(absl::string_view bytes) {
  CifarRecords records;
  const auto sha256 = AppendCifar(bytes, "file", records);
  if (!sha256.ok()) {
    TP_PROPERTY(sha256.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  TP_PROPERTY(!records.labels.empty());
  TP_PROPERTY(records.pixels.size() == 3072 * records.labels.size());
  std::string plain;
  for (size_t i = 0; i < records.labels.size(); ++i) {
    TP_PROPERTY(records.labels[i] < 10);
    plain += static_cast<char>(records.labels[i]);
    plain.append(records.pixels.begin() + static_cast<int64_t>(3072 * i),
                 records.pixels.begin() + static_cast<int64_t>(3072 * (i + 1)));
  }
  CifarRecords again;
  const auto of_plain = AppendCifar(plain, "plain", again);
  TP_PROPERTY(of_plain.ok());
  TP_PROPERTY(*of_plain == *sha256);
  TP_PROPERTY(again.pixels == records.pixels);
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
