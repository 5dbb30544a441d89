// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Check.h"

#include <fmt/format.h>
#include <optional>

namespace edgecc::emulator {

namespace {

bool isPackedTensor(const Operand &x) {
  int64_t stride = unitOf(x.type);
  for (size_t i = x.dims.size(); i-- > 0; stride *= x.dims[i])
    if (x.dims[i] != 1 && x.strides[i] != stride)
      return false;
  return true;
}

// Whether every index that a side of a copy reaches lies in [0, elements).
bool staysInside(int64_t offset, const std::vector<int64_t> &dims,
                 const std::vector<int64_t> &strides, int64_t elements) {
  int64_t low = offset, high = offset;
  if (offset < 0 || offset >= elements)
    return false;
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t span = 0;
    if (__builtin_mul_overflow(dims[i] - 1, strides[i], &span) || span >= elements ||
        span <= -elements)
      return false;
    (span < 0 ? low : high) += span;
  }
  return low >= 0 && high < elements;
}

} // namespace

Result<void> checkMove(const MoveT &kernel, Inputs inputs, const Operand &output) {
  std::optional<ElementType> type;
  if (!isPackedTensor(output))
    return unfit("data movement to a tensor that is not packed");
  for (const auto &copy : kernel.copies) {
    if (!copy || copy->input >= inputs.size())
      return unfit("a copy of an operand that is not there");
    const Operand &x = inputs[copy->input];
    if (!isPackedTensor(x) || bitsOf(x.type) < 8 || (type && x.type != *type))
      return unfit("copies of tensors that are not packed, or of several types");
    type = x.type;
    if (copy->dims.size() > kMaxRank || copy->from_strides.size() != copy->dims.size() ||
        copy->to_strides.size() != copy->dims.size())
      return unfit("a copy without strides for each axis");
    int64_t elements = 1;
    for (int64_t extent : copy->dims) {
      if (extent < 1 || extent > kMaxElements / elements)
        return unfit("a copy of no elements, or of too many");
      elements *= extent;
    }
    if (!staysInside(copy->from_offset, copy->dims, copy->from_strides, x.elements()) ||
        !staysInside(copy->to_offset, copy->dims, copy->to_strides, output.elements()))
      return unfit("a copy that leaves its tensors");
  }
  return {};
}

} // namespace edgecc::emulator
