// Files of data sets in formats other than IDX, as bytes.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep {

inline std::string LittleEndian(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i & 0xff);
  return bytes;
}

// The values as they lie in memory.
template <class T>
std::string RawBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// A .npy file of version 1 with that header: {'descr': ...}.
inline std::string NpyWithHeader(absl::string_view header, absl::string_view values) {
  return absl::StrCat("\x93NUMPY", absl::string_view("\1\0", 2), LittleEndian(header.size() + 1, 2),
                      header, "\n", values);
}

// `shape` as Python writes it: "(2, 3)", "(5,)".
inline std::string NpyBytes(absl::string_view descr, absl::string_view shape,
                            absl::string_view values) {
  return NpyWithHeader(absl::StrCat("{'descr': '", descr,
                                    "', 'fortran_order': False, 'shape': ", shape, ", }          "),
                       values);
}

struct ZipEntry {
  std::string name;
  std::string bytes;
  bool is_deflated = false;
};

// Without the header of zlib, as zip archives have it.
inline std::string Deflate(absl::string_view bytes) { return Compress(bytes, -MAX_WBITS); }

inline std::string ZipBytes(const std::vector<ZipEntry>& entries) {
  std::string archive, directory;
  for (const ZipEntry& entry : entries) {
    const std::string data = entry.is_deflated ? Deflate(entry.bytes) : entry.bytes;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()),
                           static_cast<uInt>(entry.bytes.size()));
    // From the version needed to the length of the extra field: in both headers.
    const std::string common = absl::StrCat(
        LittleEndian(20, 2), LittleEndian(0, 2), LittleEndian(entry.is_deflated ? 8 : 0, 2),
        LittleEndian(0, 2), LittleEndian(0x21, 2), LittleEndian(crc, 4),
        LittleEndian(data.size(), 4), LittleEndian(entry.bytes.size(), 4),
        LittleEndian(entry.name.size(), 2), LittleEndian(0, 2));
    absl::StrAppend(&directory, "PK\1\2", LittleEndian(20, 2), common, LittleEndian(0, 2),
                    LittleEndian(0, 2), LittleEndian(0, 2), LittleEndian(0, 4),
                    LittleEndian(archive.size(), 4), entry.name);
    absl::StrAppend(&archive, "PK\3\4", common, entry.name, data);
  }
  const std::string count = LittleEndian(entries.size(), 2);
  return absl::StrCat(archive, directory, "PK\5\6", LittleEndian(0, 4), count, count,
                      LittleEndian(directory.size(), 4), LittleEndian(archive.size(), 4),
                      LittleEndian(0, 2));
}

// CIFAR-10 records with these labels; the pixels of a record are its label times 20.
inline std::string CifarBytes(const std::vector<int>& labels) {
  std::string bytes;
  for (const int label : labels) {
    bytes += static_cast<char>(label);
    bytes.append(3072, static_cast<char>(label * 20));
  }
  return bytes;
}

}  // namespace tpsweep
