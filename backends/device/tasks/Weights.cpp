#include "backends/device/tasks/Tasks.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace edgecc::device {

uint64_t WeightsBuilder::add(const Tensor &content, uint64_t alignment) {
  return addBytes(std::as_bytes(content.data<uint8_t>()), alignment);
}

uint64_t WeightsBuilder::addBytes(std::span<const std::byte> bytes, uint64_t alignment) {
  std::vector<uint64_t> &same = known_[{XXH3_64bits(bytes.data(), bytes.size()), bytes.size()}];
  for (uint64_t offset : same)
    if (offset % alignment == 0 &&
        std::equal(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(offset)))
      return offset;
  bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
  uint64_t offset = bytes_.size();
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  same.push_back(offset);
  return offset;
}

} // namespace edgecc::device
