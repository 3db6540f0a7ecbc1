// Large pieces of memory in pages of 2 MiB: on a virtual machine the first touch of each page is
// dear, and that of 4 KiB ones takes longer than a file is read.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace tpsweep {

// For memory that was not touched yet: the reserved capacity of a vector or string. A wish.
inline void AdviseHugePages(void* data, size_t bytes) {
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kHugePage - 1) & ~(kHugePage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) & ~(kHugePage - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace tpsweep
