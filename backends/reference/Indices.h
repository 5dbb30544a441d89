// Index operands: values that come from data and must be checked.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Op.h"
#include "ir/Tensor.h"

namespace edgecc::reference {

// `index` in [-extent, extent) made non-negative, or an error that names `op`.
Expected<int64_t> checkedIndex(const Op &op, int64_t index, int64_t extent);

// The element offset of the slice that the tuple indices[first..first + count) picks along the axes
// from `axis` on of a tensor of these dims and strides.
Expected<int64_t> tupleOffset(const Op &op, const Tensor &indices, int64_t first, int64_t count,
                              const Dims &dims, const Dims &strides, size_t axis);

} // namespace edgecc::reference
