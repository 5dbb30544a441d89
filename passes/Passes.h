// The compiler's own passes; names, documentation and options are in Builtin.cpp.
#pragma once

#include "passes/Pass.h"

namespace edgecc {

// canonicalize/
Expected<void> removeDeadCode(Module &module, PassContext &context);
Expected<void> foldConstants(Module &module, PassContext &context);
Expected<void> mergeCommonSubexpressions(Module &module, PassContext &context);
Expected<void> simplify(Module &module, PassContext &context);
Expected<void> foldBatchNorm(Module &module, PassContext &context);
Expected<void> foldPad(Module &module, PassContext &context);
Expected<void> foldBatchNormForward(Module &module, PassContext &context);
Expected<void> compileImageInput(Module &module, PassContext &context);

// lower/
Expected<void> widenHalf(Module &module, PassContext &context);
Expected<void> dropQuantization(Module &module, PassContext &context);
Expected<void> decomposeRecurrent(Module &module, PassContext &context);
Expected<void> lowerQuantized(Module &module, PassContext &context);
Expected<void> chooseLayout(Module &module, PassContext &context);
Expected<void> fuse(Module &module, PassContext &context);
Expected<void> planMemory(Module &module, PassContext &context);

} // namespace edgecc
