// The C header beside an object file or a static library.
#pragma once

#include "backends/native/Native.h"

namespace edgecc::driver {

// Declares SYMBOL_run and SYMBOL_weights, and as macros the sizes that a caller without a runtime
// needs: arena, weights, every input and output (bytes, element type, dims).
std::string generatedHeader(const Function &function, const native::NativeCode &code,
                            const std::string &symbol);

} // namespace edgecc::driver
