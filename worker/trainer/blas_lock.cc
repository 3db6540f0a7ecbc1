// Makes the serial OpenBLAS safe to call from several threads at once.
//
// Debian builds it without locks: its calls take their work buffers from one
// table with nothing to guard it, and two threads now and then get the same
// buffer and compute nonsense. The linker sends the two functions of that table
// here (--wrap, CMakeLists.txt); what they hand out is then used without a lock.
#include "common/mutex.h"

namespace {

tpsweep::Mutex& BufferTableMutex() {
  static tpsweep::Mutex* const mutex = new tpsweep::Mutex;
  return *mutex;
}

}  // namespace

// The names are those of the linker.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

void* __real_blas_memory_alloc(int procpos);
void __real_blas_memory_free(void* buffer);

void* __wrap_blas_memory_alloc(int procpos) {
  tpsweep::MutexLock lock(BufferTableMutex());
  return __real_blas_memory_alloc(procpos);
}

void __wrap_blas_memory_free(void* buffer) {
  tpsweep::MutexLock lock(BufferTableMutex());
  __real_blas_memory_free(buffer);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
