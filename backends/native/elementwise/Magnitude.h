// How large the numbers in a group can become, from element types and constants alone.
#pragma once

#include "ir/Op.h"

namespace edgecc::native {

// Whether what a Requantize or QuantizeLinear rounds is known to be a number of at most 2^30, so
// that its conversion to i32 cannot overflow. Code differs by it: the keys of kernels contain it.
bool roundsWithinI32(const Op &op);

} // namespace edgecc::native
