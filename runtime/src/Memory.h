// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "edgecc/runtime.h"

#include <cstdint>

namespace edgecc::runtime {

/// malloc-backed allocator.
edgecc_allocator defaultAllocator();

inline void *allocate(const edgecc_allocator &allocator, uint64_t bytes) {
  return bytes > SIZE_MAX ? nullptr
                          : allocator.allocate(allocator.user, size_t(bytes), EDGECC_ALIGNMENT);
}

inline void release(const edgecc_allocator &allocator, void *memory, uint64_t bytes) {
  if (memory)
    allocator.release(allocator.user, memory, size_t(bytes));
}

/// Lays objects out one after the other in a block to be allocated later. Overflow sticks.
class BlockLayout {
public:
  /// Offset of `count` objects of `size` bytes, 64-byte aligned.
  uint64_t add(uint64_t count, uint64_t size) {
    uint64_t offset = total_;
    uint64_t bytes;
    overflow_ |= __builtin_mul_overflow(count, size, &bytes);
    overflow_ |= __builtin_add_overflow(bytes, uint64_t(EDGECC_ALIGNMENT - 1), &bytes);
    overflow_ |= __builtin_add_overflow(total_, bytes & ~uint64_t(EDGECC_ALIGNMENT - 1), &total_);
    return offset;
  }

  /// Size of the block (at least one line); more than any allocator can give if it overflowed.
  uint64_t size() const {
    return overflow_ ? UINT64_MAX : total_ ? total_ : uint64_t(EDGECC_ALIGNMENT);
  }

private:
  uint64_t total_ = 0;
  bool overflow_ = false;
};

} // namespace edgecc::runtime
