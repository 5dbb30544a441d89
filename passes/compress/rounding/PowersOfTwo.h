// Weights that are powers of two, so that products are shifts (INQ: Zhou et al. 2017, "Incremental
// Network Quantization: Towards Lossless CNNs with Low-Precision Weights").
#pragma once

#include "passes/compress/rounding/Reconstruction.h"

#include <span>

namespace edgecc {

// A Grid: 0, or a sign times 2^k with 1 <= 2^k <= high, whichever is nearest to `wanted`. `low` is
// -high.
float nearestPowerOfTwo(float wanted, float low, float high);

// The scale with which weights up to `largest` in magnitude have 2^top as their largest level:
// 2^(n - top), n = floor(log2(4/3 largest)) (INQ, eq. 4). 1 for weights that are all 0.
float powerOfTwoScale(float largest, int top);

// INQ's partition-and-fix, with least squares in the place of training: of each row the largest
// weights become powers of two, until `shares[i]` of the row is fixed in step i; after each step
// the weights that are left are fitted to the form again. Shares ascend and end in 1.
Matrix partitionAndFix(const RoundingProblem &problem, const QuadraticForm &form,
                       std::span<const double> shares);

// Minimises the form over the weights whose entry of `free` is 1, the others staying as they are,
// by conjugate gradients on all rows at once (Jacobi preconditioner).
void fitFree(const QuadraticForm &form, const Matrix &free, unsigned iterations, Matrix &weights);

} // namespace edgecc
