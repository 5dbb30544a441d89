// The compression passes; names, documentation and options are in compress/Builtin.cpp, one page
// each in docs/passes/.
#pragma once

#include "passes/Pass.h"
#include "passes/compress/Compression.h"

namespace edgecc {

Expected<void> keepOriginal(Module &module, PassContext &context);

// batch norms and channels
Expected<void> removeDeadChannels(Module &module, PassContext &context);

// rewrites
Expected<void> transposedConvToPixelShuffle(Module &module, PassContext &context);
Expected<void> transposedConvToConvolution(Module &module, PassContext &context);
Expected<void> dilatedConvToPhases(Module &module, PassContext &context);
Expected<void> fullyConnectedToConvolution(Module &module, PassContext &context);
Expected<void> spaceToDepthInput(Module &module, PassContext &context);
Expected<void> splitLargeKernels(Module &module, PassContext &context);
Expected<void> factorize(Module &module, PassContext &context);

// pruning
Expected<void> prune(Module &module, PassContext &context);
Expected<void> sparsify(Module &module, PassContext &context);

// equalisation
Expected<void> equalize(Module &module, PassContext &context);
Expected<void> absorbBias(Module &module, PassContext &context);

// calibration
Expected<void> calibrate(Module &module, PassContext &context);

// precision and quantisation
Expected<void> choosePrecision(Module &module, PassContext &context);
Expected<void> quantize(Module &module, PassContext &context);
Expected<void> narrowFloats(Module &module, PassContext &context);

// rounding and bias
Expected<void> adaRound(Module &module, PassContext &context);
Expected<void> makePowersOfTwo(Module &module, PassContext &context);
Expected<void> correctBias(Module &module, PassContext &context);

} // namespace edgecc
