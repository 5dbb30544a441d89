#pragma once

#include "backends/native/Target.h"

#include <llvm/IR/Module.h>

namespace edgecc::native {

// Links the support functions that `module` calls into it, as private functions that are compiled
// for the module's target. Does nothing if it calls none. Thread-safe for distinct contexts.
void linkSupport(llvm::Module &module, const NativeTarget &target);

} // namespace edgecc::native
