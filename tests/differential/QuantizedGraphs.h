// Random quantised networks: every layer between DequantizeLinear and QuantizeLinear, as exporters
// write them.
#pragma once

#include "tests/differential/Generator.h"

namespace edgecc::test {

// Activations of one integer type. All outputs are integers. The same graph for the same seed.
Expected<Graph> generateQuantized(uint64_t seed, DType activations);

} // namespace edgecc::test
