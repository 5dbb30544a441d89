// Estimated time of a Winograd kernel; see contraction/Cost.h.
#pragma once

#include "backends/native/winograd/Winograd.h"

namespace edgecc::native {

// Cycles of one core for the whole layer.
double winogradCycles(const Contraction &contraction, const WinogradPlan &plan,
                      const NativeTarget &target);

} // namespace edgecc::native
