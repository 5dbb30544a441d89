// Copies of the input rows that a work unit needs, in the order and type that the micro-kernel
// reads, with padding around them.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

// Fills the start of the thread's scratch for rows [from.y, toY) x [from.x, toX).
void emitStaging(KernelEmitter &e, const Contraction &contraction, const Schedule &schedule,
                 const Position &from, llvm::Value *toY, llvm::Value *toX);

} // namespace edgecc::native
