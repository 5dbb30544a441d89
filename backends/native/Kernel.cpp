#include "backends/native/Kernel.h"

#include <algorithm>
#include <llvm/Support/xxhash.h>

namespace edgecc::native {

int64_t WeightSection::add(std::span<const std::byte> bytes, int64_t alignment) {
  return add(
      bytes.size(),
      [&](std::span<std::byte> to) { std::copy(bytes.begin(), bytes.end(), to.begin()); },
      alignment);
}

int64_t WeightSection::add(size_t size, const std::function<void(std::span<std::byte>)> &fill,
                           int64_t alignment) {
  const size_t before = bytes_.size(), unit = static_cast<size_t>(alignment);
  const size_t start = (before + unit - 1) / unit * unit;
  bytes_.resize(start + size);
  std::span<std::byte> added(bytes_.data() + start, size);
  fill(added);
  uint64_t hash =
      llvm::xxh3_64bits(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(added.data()), size));
  auto [first, last] = byHash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    auto [offset, length] = it->second;
    if (length == size && offset % alignment == 0 &&
        std::equal(added.begin(), added.end(), bytes_.data() + offset)) {
      bytes_.resize(before);
      return offset;
    }
  }
  byHash_.emplace(hash, std::pair(static_cast<int64_t>(start), size));
  return static_cast<int64_t>(start);
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
