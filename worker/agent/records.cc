#include "worker/agent/records.h"

#include <zlib.h>

namespace tpsweep::agent {
namespace {

void AppendNumber(uint32_t number, std::string& file) {
  for (int shift = 0; shift < 32; shift += 8) {
    file.push_back(static_cast<char>(number >> shift & 0xff));
  }
}

uint32_t NumberAt(absl::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) {
    number |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return number;
}

// Of the length too, so that a block of zeros is no record.
uint32_t Crc(absl::string_view length, absl::string_view content) {
  uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(length.data()), static_cast<uInt>(length.size()));
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(content.data()), content.size());
  return static_cast<uint32_t>(crc);
}

}  // namespace

void AppendRecord(absl::string_view content, std::string& file) {
  const size_t begin = file.size();
  AppendNumber(static_cast<uint32_t>(content.size()), file);
  AppendNumber(Crc(absl::string_view(file).substr(begin), content), file);
  file.append(content.data(), content.size());
}

int64_t PromisedBytes(absl::string_view bytes) {
  const int64_t promised = static_cast<int64_t>(kRecordHeader) + NumberAt(bytes, 0);
  return promised <= kMaxRecord ? promised : 0;
}

std::optional<absl::string_view> FirstRecord(absl::string_view bytes) {
  if (bytes.size() < kRecordHeader) return std::nullopt;
  const auto size = static_cast<size_t>(PromisedBytes(bytes));
  if (size == 0 || bytes.size() < size) return std::nullopt;
  const absl::string_view content = bytes.substr(kRecordHeader, size - kRecordHeader);
  if (Crc(bytes.substr(0, 4), content) != NumberAt(bytes, 4)) return std::nullopt;
  return content;
}

}  // namespace tpsweep::agent
