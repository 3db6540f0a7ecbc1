// Large pieces of memory in pages of 2 MiB: on a virtual machine the first touch of each page is
// dear, and that of 4 KiB ones takes longer than a file is read.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>

namespace tpsweep {

// For memory that was not touched yet: the reserved capacity of a vector or string. A wish.
inline void AdviseHugePages(void* data, size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  if (std::align(kHugePage, kHugePage, data, bytes) == nullptr) return;  // smaller than one
  madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
}

}  // namespace tpsweep
