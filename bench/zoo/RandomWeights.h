// Weights for networks whose speed is measured, not their answers.
#pragma once

#include "ir/Module.h"

#include <cstdint>

namespace edgecc::zoo {

// Fills every trainable parameter of a topology, the same for the same seed: matrices and filters
// uniformly with the variance 2 / fan-in (He et al. 2015), so that values neither vanish into
// denormal numbers nor overflow; biases in +-0.1; scales of normalisations in 0.5 to 1.5. Means
// become 0 and variances 1. Tables that are not of a normalisation stay as they are.
void fillWithRandom(Module &module, uint64_t seed);

} // namespace edgecc::zoo
