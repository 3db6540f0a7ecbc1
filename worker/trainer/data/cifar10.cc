#include "worker/trainer/data/cifar10.h"

#include <memory>

#include "common/status_macros.h"
#include "worker/trainer/data/byte_source.h"

namespace tpsweep::trainer {
namespace {

constexpr size_t kPixels = 3072;
constexpr size_t kRecord = 1 + kPixels;
constexpr int kNumClasses = 10;
constexpr int kMaxRecords = 20'000;

}  // namespace

absl::StatusOr<std::string> AppendCifar(absl::string_view bytes, absl::string_view name,
                                        CifarRecords& records) {
  const std::unique_ptr<ByteSource> source = OpenBytes(bytes, name);
  uint8_t record[kRecord];
  for (int i = 0;; ++i) {
    const uint64_t offset = source->offset();
    TP_ASSIGN_OR_RETURN(const size_t got, source->ReadUpTo(record, kRecord));
    if (got == 0 && i > 0) return source->Digest();
    if (got < kRecord) {
      return source->ErrorAt(offset + got, "the file ends within record ", i, ": a file of ",
                             offset + got, " bytes is no whole number of records of ", kRecord);
    }
    if (i == kMaxRecords) return source->ErrorAt(offset, "more than ", kMaxRecords, " records");
    if (record[0] >= kNumClasses) {
      return source->ErrorAt(offset, "label ", record[0], " of record ", i, "; legal: 0 to ",
                             kNumClasses - 1);
    }
    records.labels.push_back(record[0]);
    records.pixels.insert(records.pixels.end(), record + 1, record + kRecord);
  }
}

}  // namespace tpsweep::trainer
