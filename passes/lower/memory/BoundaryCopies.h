// Copies at the borders of blocks, made explicit before placement.
#pragma once

#include "ir/Module.h"

namespace edgecc::memory {

// Inserts Identity and Reorder ops such that
// - every yielded value is the row-major result of an op of the same block, yielded once;
// - every initial value of a Loop's or Scan's carried state is the result of an Identity in front
//   of it.
// Placement then decides which of them cost nothing.
void insertBoundaryCopies(Module &module, Function &function);

} // namespace edgecc::memory
