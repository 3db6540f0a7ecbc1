// Records one after the other in a file that may end anywhere: its writer may have been
// killed, or the power lost. Each is its length (4 bytes, little-endian), a CRC-32 of
// length and content (4 bytes), and its content. The first that is not whole, or whose CRC
// is another, ends the file: what comes after it is lost, never misread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace tpsweep::agent {

inline constexpr size_t kRecordHeader = 8;
// No record is larger: the largest measurement that a server takes has 16 MB.
inline constexpr int64_t kMaxRecord = int64_t{64} << 20;

void AppendRecord(absl::string_view content, std::string& file);

// The content of the record that `bytes` begin with. Nothing: there is none.
std::optional<absl::string_view> FirstRecord(absl::string_view bytes);

// The size of that record, header and all, as its header promises; 0 if that is too much.
// `bytes` hold the header.
int64_t PromisedBytes(absl::string_view bytes);

}  // namespace tpsweep::agent
