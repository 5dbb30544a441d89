// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing the elements of operands. Values that are computed with are float (F32, F16)
// or int64_t (integers, Bool), which hold every element exactly. Elements need no alignment.
#pragma once

#include "runtime/emulator/kernels/Kernels.h"

namespace edgecc::emulator {

bool isFloat(ElementType type);
bool isInteger(ElementType type); // also Bool

// Bounds of an integer type; Bool: 0 and 1.
struct IntegerBounds {
  int64_t low = 0, high = 0;
};
IntegerBounds boundsOf(ElementType type);

// The low bits of `value` as a number of an integer type; Bool: value != 0.
int64_t wrapped(int64_t value, ElementType type);

// Offset of one step: bytes, or elements for 4-bit types. What strides and positions count.
int64_t unitOf(ElementType type);

// Element `i` of `count` at position + i * stride of the operand. To is float, int64_t, int32_t or
// int16_t; floats are read into floats only, integers into any type that holds them.
template <class To>
void loadRun(const Operand &x, int64_t position, int64_t stride, int64_t count, To *out);

// Writes values that the type holds (F16 rounds).
void storeRun(const Operand &y, int64_t position, int64_t stride, int64_t count,
              const float *values);
void storeRun(const Operand &y, int64_t position, int64_t stride, int64_t count,
              const int64_t *values);

// All elements in row-major order.
template <class To> void loadAll(const Operand &x, To *out);
template <class To> std::vector<To> loadAll(const Operand &x) {
  std::vector<To> values(static_cast<size_t>(x.elements()));
  loadAll(x, values.data());
  return values;
}

// The part [first, first + count) of one axis.
Operand slice(Operand x, size_t axis, int64_t first, int64_t count);

// Axes of several operands walked together: neighbours that all walk evenly are merged, those of
// extent 1 dropped; at least one axis stays. strides[operand][axis].
struct Walk {
  std::vector<int64_t> dims;
  std::vector<std::vector<int64_t>> strides;

  // Positions of the operands at row-major index `i` over all axes but the last.
  void positionsOf(int64_t i, int64_t *positions) const;
  int64_t rows() const;
  int64_t length() const { return dims.back(); }
};
Walk walkOf(std::span<const int64_t> dims, std::vector<std::vector<int64_t>> strides);

// Strides with which `x` is read as if it had dims `dims`, to which it broadcasts from the right.
std::vector<int64_t> broadcastStrides(const Operand &x, std::span<const int64_t> dims);

// An operand over a packed tensor.
Operand packed(std::byte *data, ElementType type, std::vector<int64_t> dims);

// y = x, bit by bit, x broadcast; the types are equal and not of 4 bits.
void copyElements(const Operand &x, const Operand &y);

} // namespace edgecc::emulator
