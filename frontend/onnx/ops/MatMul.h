#pragma once

#include "frontend/onnx/ops/Emit.h"

namespace edgecc::importer {

// The product in ONNX's (NumPy's) meaning: vectors are rows on the left and columns on the right,
// and lose that axis in the result. Zero points, which may be null, belong to narrow integers.
Value *matMul(NodeContext &n, Value *a, Value *b, Value *aZeroPoint = nullptr,
              Value *bZeroPoint = nullptr);

} // namespace edgecc::importer
