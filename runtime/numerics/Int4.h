// SPDX-License-Identifier: Apache-2.0
//
// 4-bit integers, two to a byte, the element with the lower index in the low nibble (ONNX's storage
// order). An odd count leaves the last high nibble zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgecc::numerics {

/// Bytes that hold `count` 4-bit elements.
constexpr size_t packedInt4Bytes(size_t count) { return count / 2 + count % 2; }

constexpr int8_t signExtendInt4(uint8_t nibble) {
  return static_cast<int8_t>(((nibble & 0xf) ^ 8) - 8);
}

constexpr uint8_t loadUInt4(const uint8_t *packed, size_t index) {
  return static_cast<uint8_t>((packed[index / 2] >> (index % 2 * 4)) & 0xf);
}

constexpr int8_t loadInt4(const uint8_t *packed, size_t index) {
  return signExtendInt4(loadUInt4(packed, index));
}

/// Stores the low four bits of `value`; the neighbour keeps its own.
constexpr void storeInt4(uint8_t *packed, size_t index, int value) {
  unsigned shift = index % 2 * 4;
  unsigned kept = packed[index / 2] & ~(0xfu << shift);
  packed[index / 2] = static_cast<uint8_t>(kept | ((static_cast<unsigned>(value) & 0xf) << shift));
}

constexpr void packInt4(const int8_t *values, size_t count, uint8_t *packed) {
  for (size_t i = 0; i < count; i += 2) {
    unsigned high = i + 1 < count ? static_cast<unsigned>(values[i + 1]) & 0xf : 0;
    packed[i / 2] = static_cast<uint8_t>((static_cast<unsigned>(values[i]) & 0xf) | high << 4);
  }
}

constexpr void unpackInt4(const uint8_t *packed, size_t count, int8_t *values) {
  for (size_t i = 0; i < count; ++i)
    values[i] = loadInt4(packed, i);
}

constexpr void unpackUInt4(const uint8_t *packed, size_t count, uint8_t *values) {
  for (size_t i = 0; i < count; ++i)
    values[i] = loadUInt4(packed, i);
}

} // namespace edgecc::numerics
