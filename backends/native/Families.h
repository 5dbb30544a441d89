// The kernel families. Each plans the ops that it knows; planOp asks by op kind (of the anchor, for
// a Fused op).
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// contraction/: Conv, ConvTranspose, MatMul, Gemm, alone or as the anchor of a Fused op.
Expected<void> planContraction(const Op &op, PlanContext &context);

// loops/: everything that is one loop nest: element-wise, broadcast, data movement, reductions,
// pooling, normalisation, resampling, indexing; alone or as the anchor of a Fused op.
Expected<void> planLoops(const Op &op, PlanContext &context);

// support/: rare, data-dependent ops in freestanding C, compiled to bitcode for each target.
Expected<void> planSupport(const Op &op, PlanContext &context);

// The op that shapes the loops of `op`: the anchor inside a Fused op, or `op` itself. Null for a
// Fused op of element-wise ops only.
const Op *anchorOf(const Op &op);

} // namespace edgecc::native
