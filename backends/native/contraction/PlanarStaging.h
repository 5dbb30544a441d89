#pragma once

#include "backends/native/contraction/Planar.h"

namespace edgecc::native {

// Stages the input lines of the result's lines [from.y, toLine) at the start of the scratch.
void emitPlanarStaging(KernelEmitter &e, const Planar &planar, const PlanarSchedule &schedule,
                       const Position &from, llvm::Value *toLine);

} // namespace edgecc::native
