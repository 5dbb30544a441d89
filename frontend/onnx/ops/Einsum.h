#pragma once

#include "frontend/onnx/ops/Emit.h"

namespace edgecc::importer {

// Einstein summation as products, reductions and transpositions, operands taken from the left.
// `equation` is in NumPy's notation, with ellipses and an implicit or explicit result.
Value *einsum(NodeContext &n, const std::string &equation, std::vector<Value *> operands);

} // namespace edgecc::importer
