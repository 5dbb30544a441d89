// Packing of a right operand that is not constant.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

// Packs the columns of one tile, the first of which is `column`, from the matrix at `source` into
// `panel`, in the order of packColumns.
void emitGather(KernelEmitter &e, const Contraction &contraction, const Schedule &schedule,
                const ColumnTile &tile, llvm::Value *source, llvm::Value *column,
                llvm::Value *panel);

} // namespace edgecc::native
