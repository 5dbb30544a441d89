// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/Memory.h"

#include <cstdlib>

namespace edgecc::runtime {

static void *allocateWithMalloc(void *, size_t bytes, size_t alignment) {
  if (bytes > PTRDIFF_MAX)
    return nullptr;
  void *memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

static void releaseWithFree(void *, void *memory, size_t) { free(memory); }

edgecc_allocator defaultAllocator() { return {allocateWithMalloc, releaseWithFree, nullptr}; }

} // namespace edgecc::runtime
