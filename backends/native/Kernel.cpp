#include "backends/native/Kernel.h"

#include <cstring>
#include <llvm/Support/xxhash.h>

namespace edgecc::native {

int64_t WeightSection::add(std::span<const std::byte> bytes, int64_t alignment) {
  uint64_t hash = llvm::xxh3_64bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  auto [first, last] = byHash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    auto [offset, size] = it->second;
    if (size == bytes.size() && offset % alignment == 0 &&
        std::memcmp(bytes_.data() + offset, bytes.data(), size) == 0)
      return offset;
  }
  size_t offset = (bytes_.size() + static_cast<size_t>(alignment) - 1) /
                  static_cast<size_t>(alignment) * static_cast<size_t>(alignment);
  bytes_.resize(offset);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  byHash_.emplace(hash, std::pair(static_cast<int64_t>(offset), bytes.size()));
  return static_cast<int64_t>(offset);
}

KernelArg PlanContext::arg(const Value &value) {
  if (const Tensor *constant = constantOf(&value))
    return {Storage::Space::Weights, 0, weights.add({constant->raw(), constant->bytes()})};
  assert(value.storage && "memory planning must have run");
  return {value.storage->space, value.storage->index, value.storage->offset};
}

Dims stridesOf(const Value &value) {
  if (constantOf(&value))
    return rowMajorStrides(value.dims());
  assert(value.storage && "memory planning must have run");
  return value.storage->strides;
}

} // namespace edgecc::native
