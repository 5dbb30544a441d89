// AdaRound (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization"): for
// each weight a continuous variable between rounding down and up, learned by gradient descent.
#pragma once

#include "passes/compress/rounding/Reconstruction.h"

#include <functional>

namespace edgecc {

struct SoftRoundingOptions {
  unsigned iterations = 500;
  unsigned batch = 256;   // samples for each iteration
  double rate = 0.1;      // of Adam
  double warmStart = 0.2; // share of the iterations before the regulariser sets in
  double lambda = 0.3;    // of the regulariser
  double betaFrom = 20, betaTo = 2;
};

// The weights in place t of the iterations are
//   W = s * clamp(floor(start / s) + h(V), low, high),  h(V) = clamp(1.2 sigmoid(V) - 0.1, 0, 1)
// and V follows Adam down the gradient of
//   E |f(W x + b) - f(target)|^2 / u_r + lambda * sum (1 - |2 h(V) - 1|^beta)
// with beta annealed from betaFrom to betaTo (cosine). u_r, the square of the row's step times the
// mean power of an input, makes lambda independent of the layer's units. In the end every weight is
// rounded to where h(V) tends. `start` are float weights: h(V) begins at the fractions of start /
// s. Always the same result for the same arguments.
Matrix softRound(const RoundingProblem &problem, const Matrix &start,
                 const SoftRoundingOptions &options);

// d of the objective above (without the regulariser, not divided by u_r) by the levels, for a block
// of samples; `levels` need not be integers.
Matrix objectiveGradient(const RoundingProblem &problem, const Matrix &levels, int64_t first,
                         int64_t count);

} // namespace edgecc
