// The opposite of equalisation, for tests and benchmarks: a network that computes the same in
// floating point and that quantisation with one scale for each tensor ruins.
#pragma once

#include "ir/Module.h"

namespace edgecc {

// Divides every channel between two layers of the main function by 2^u, u uniform in
// [-magnitude, magnitude], and undoes it in the layers that read it. Powers of two with integer u
// would cancel exactly; these cancel up to rounding. Returns the number of channels. Depends on
// `seed` and the module only.
size_t scaleChannelsRandomly(Module &module, uint64_t seed, double magnitude);

} // namespace edgecc
