// memcpy, memmove and memset for images that link no C library.
#pragma once

#include <llvm/IR/Module.h>

namespace edgecc::native {

// Defines the three in `module`, hidden. LLVM may turn copies in kernels into calls of them.
void defineMemoryFunctions(llvm::Module &module);

} // namespace edgecc::native
