#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

namespace edgecc {

// Checks every rule of the IR (docs/ir.md): each op against its declaration, result types against
// inference, definitions before uses, use lists, one Yield at each block's end, unique names.
// Reports all violations, or the first hundred.
Expected<void> verify(const Module &module);

} // namespace edgecc
