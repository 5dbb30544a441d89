// Element type conversions in registers.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// `value` (of scalarType(from) x lanes) in another type: floats round to nearest even, integers
// keep their low bits.
llvm::Value *convertElements(KernelEmitter &e, llvm::Value *value, DType from, DType to,
                             unsigned lanes);

} // namespace edgecc::native
