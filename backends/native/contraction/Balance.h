// How evenly the work units of a kernel divide among threads, which get contiguous ranges of them.
#pragma once

#include <span>

namespace edgecc::native {

// The largest part that one of `threads` threads gets of units of these costs, relative to an even
// part: 1 if all get the same, `threads` if one does everything.
double imbalance(std::span<const double> unitCosts, int threads);

} // namespace edgecc::native
