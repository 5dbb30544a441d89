// Random small networks of the ops that channels flow through: grouped, depthwise and transposed
// convolutions, activations, batch norms, pooling, sums, concatenations, channel shuffles, matrix
// products.
#pragma once

#include "ir/Module.h"

#include <memory>

namespace edgecc::test {

// One input [1, 3, 12, 12]; every value stands for an ONNX tensor. f64 tells rounding from
// mistakes. The same for the same seed.
std::unique_ptr<Module> randomNetwork(uint64_t seed, DType dtype);

// Uniform in [-1, 1].
Tensor randomTensor(uint64_t seed, const Dims &dims, DType dtype = DType::F32);

} // namespace edgecc::test
