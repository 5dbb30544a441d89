// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/StridedCopy.h"

#include "edgecc/runtime.h"

#include <cstring>

namespace edgecc::runtime {

namespace {

template <size_t kBytes>
uint8_t *copyRow(uint8_t *out, const uint8_t *in, int64_t count, int64_t stride) {
  for (int64_t i = 0; i < count; ++i, out += kBytes, in += stride)
    memcpy(out, in, kBytes);
  return out;
}

uint8_t *copyBlocks(uint8_t *out, const uint8_t *in, int64_t count, int64_t stride, size_t block) {
  switch (block) {
  case 1:
    return copyRow<1>(out, in, count, stride);
  case 2:
    return copyRow<2>(out, in, count, stride);
  case 4:
    return copyRow<4>(out, in, count, stride);
  case 8:
    return copyRow<8>(out, in, count, stride);
  }
  for (int64_t i = 0; i < count; ++i, out += block, in += stride)
    memcpy(out, in, block);
  return out;
}

bool isEmpty(uint32_t rank, const int64_t *dims) {
  for (uint32_t axis = 0; axis < rank; ++axis)
    if (dims[axis] == 0)
      return true;
  return false;
}

/// Number of leading axes that remain when the dense trailing ones are taken as one block.
uint32_t outerAxes(uint32_t rank, const int64_t *dims, const int64_t *byteStrides, size_t *block) {
  while (rank > 0 && (dims[rank - 1] == 1 || byteStrides[rank - 1] == int64_t(*block))) {
    *block *= size_t(dims[rank - 1]);
    --rank;
  }
  return rank;
}

} // namespace

bool isDense(uint32_t rank, const int64_t *dims, const int64_t *byteStrides, size_t elementBytes) {
  return isEmpty(rank, dims) || outerAxes(rank, dims, byteStrides, &elementBytes) == 0;
}

void copyStrided(void *destination, const void *source, uint32_t rank, const int64_t *dims,
                 const int64_t *byteStrides, size_t elementBytes) {
  if (isEmpty(rank, dims))
    return;
  auto *out = static_cast<uint8_t *>(destination);
  const auto *in = static_cast<const uint8_t *>(source);
  size_t block = elementBytes;
  uint32_t outer = outerAxes(rank, dims, byteStrides, &block);
  if (outer == 0) {
    memcpy(out, in, block);
    return;
  }
  uint32_t row = outer - 1; // the innermost axis that needs its stride
  int64_t index[EDGECC_MAX_RANK] = {};
  for (;;) {
    out = copyBlocks(out, in, dims[row], byteStrides[row], block);
    uint32_t axis = row;
    while (axis > 0) {
      --axis;
      in += byteStrides[axis];
      if (++index[axis] < dims[axis])
        break;
      in -= byteStrides[axis] * dims[axis];
      index[axis] = 0;
      if (axis == 0)
        return;
    }
    if (row == 0)
      return;
  }
}

} // namespace edgecc::runtime
