// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Check.h"

namespace edgecc::emulator {

std::optional<int64_t> elementsOf(std::span<const int64_t> dims) {
  int64_t elements = 1;
  for (int64_t extent : dims) {
    if (extent < 1 || extent > kMaxElements / elements)
      return std::nullopt;
    elements *= extent;
  }
  return elements;
}

std::optional<ByteRange> bytesOf(const ViewT &view) {
  // Far above any memory, and so far below 2^63 that kMaxRank of them add up.
  constexpr int64_t kFar = int64_t{1} << 56;
  unsigned bits = bitsOf(view.type);
  if (bits == 0 || view.dims.size() > kMaxRank || view.dims.size() != view.strides.size() ||
      !elementsOf(view.dims) || view.offset < 0 || view.offset > kFar)
    return std::nullopt;
  int64_t low = view.offset, high = view.offset; // of element starts
  for (size_t i = 0; i < view.dims.size(); ++i) {
    int64_t span = 0;
    if (__builtin_mul_overflow(view.dims[i] - 1, view.strides[i], &span) || span > kFar ||
        span < -kFar)
      return std::nullopt;
    (span < 0 ? low : high) += span;
  }
  if (low < 0)
    return std::nullopt;
  if (bits == 4)
    return ByteRange{low / 2, high / 2 + 1};
  return ByteRange{low, high + bits / 8};
}

Operand operandOf(const ViewT &view, std::byte *base) {
  Operand operand;
  operand.type = view.type;
  operand.dims = view.dims;
  operand.strides = view.strides;
  bool isPacked = bitsOf(view.type) == 4;
  operand.nibble = isPacked ? static_cast<int>(view.offset & 1) : 0;
  if (base)
    operand.data = base + (isPacked ? view.offset / 2 : view.offset);
  return operand;
}

} // namespace edgecc::emulator
