// Random small networks in f16 for scheduled machines.
#pragma once

#include "ir/Module.h"

namespace edgecc::test {

struct HalfGraph {
  std::unique_ptr<Module> module;
  std::vector<Tensor> inputs;
};

// The same seed gives the same network: convolutions of all kinds, pooling, element-wise ops, data
// movement, products, softmax; one or more outputs.
HalfGraph generateHalf(uint64_t seed);

} // namespace edgecc::test
