// The compression passes; names, documentation and options are in compress/Builtin.cpp, one page
// each in docs/passes/.
#pragma once

#include "passes/Pass.h"
#include "passes/compress/Compression.h"

namespace edgecc {

// batch norms and channels

// rewrites

// pruning

// equalisation

// calibration

// precision and quantisation

// rounding and bias

} // namespace edgecc
