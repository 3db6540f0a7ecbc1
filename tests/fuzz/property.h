// What a fuzz target is made of: a property that must hold for any bytes, and
// the entry point that libFuzzer and fuzz_main.cc share.
//
//   extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
//     const auto parsed = Parse(tpsweep::FuzzBytes(data, size));
//     if (parsed.ok()) TP_PROPERTY(Parse(Serialize(*parsed)).ok());
//     return 0;
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/string_view.h"

// Ends the process, which is how libFuzzer learns of a violation.
#define TP_PROPERTY(condition)                                                                \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "%s:%d: property violated: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)

namespace tpsweep {

inline absl::string_view FuzzBytes(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace tpsweep

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
