// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/Memory.h"

#include <cstdlib>
#include <sys/mman.h>

namespace edgecc::runtime {

static constexpr size_t kHugePage = size_t(2) << 20;

static void *allocateWithMalloc(void *, size_t bytes, size_t alignment) {
  if (bytes > PTRDIFF_MAX)
    return nullptr;
  if (bytes >= kHugePage)
    alignment = kHugePage;
  void *memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes) != 0)
    return nullptr;
  // Large arenas are walked layer by layer: fewer TLB misses with huge pages, where there are any.
  // Only whole ones, so as not to touch more memory than was asked for.
  if (bytes >= kHugePage)
    madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return memory;
}

static void releaseWithFree(void *, void *memory, size_t) { free(memory); }

edgecc_allocator defaultAllocator() { return {allocateWithMalloc, releaseWithFree, nullptr}; }

} // namespace edgecc::runtime
