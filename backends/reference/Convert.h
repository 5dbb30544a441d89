// Conversions between the element types that tensors have and those that kernels compute with.
#pragma once

#include "ir/Tensor.h"

namespace edgecc::reference {

// Every element as another type, from any type to any type, in the meaning of Cast. `saturate`
// matters for 8-bit floats only.
Tensor convert(const Tensor &x, DType to, bool saturate = true);

// 4-bit elements as bytes that hold the same four bits, and back.
Tensor unpacked(const Tensor &x);
Tensor packed(const Tensor &bytes, DType to);

// The same tensor with its elements aligned for their type: bytes mapped from a file may not be.
Tensor aligned(const Tensor &x);

} // namespace edgecc::reference
