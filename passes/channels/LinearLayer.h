// Layers with constant weights, seen as matrices from input channels to output channels: what
// folding, equalisation and the removal of channels have in common.
#pragma once

#include "passes/Rewrite.h"

namespace edgecc {

// Conv, ConvTranspose, Gemm or MatMul of a value and a constant f32, f16, bf16 or f64 tensor:
//   y[row] = gain * sum over columns and kernel taps of W * x[column] (+ bias[row])
// Holds until the op's operands change.
struct LinearLayer {
  Op *op = nullptr;
  const Tensor *weights = nullptr;
  unsigned inputAxis = 1;  // channel axis of operand 0
  unsigned outputAxis = 1; // channel axis of the result
  int64_t inputs = 0, outputs = 0;
  double gain = 1;        // Gemm's alpha
  bool takesBias = false; // operand 2 is a bias
  // The weights in memory are [repeats, outer, inner, kernel]; one of outer and inner counts the
  // rows, the other the columns, of which a group has inner.
  int64_t repeats = 1, outer = 0, inner = 0, kernel = 1, groups = 1;
  bool rowsOuter = true;

  // Calls fn(index of the weight, row, column) for all weights in order.
  template <class Fn> void forEachWeight(Fn &&fn) const {
    int64_t i = 0, perGroup = outer / groups;
    for (int64_t r = 0; r < repeats; ++r)
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t n = 0; n < inner; ++n) {
          int64_t other = o / perGroup * inner + n;
          for (int64_t k = 0; k < kernel; ++k, ++i)
            rowsOuter ? fn(i, static_cast<size_t>(o), static_cast<size_t>(other))
                      : fn(i, static_cast<size_t>(other), static_cast<size_t>(o));
        }
  }
};

// None for other ops and for layers whose weights are not such a constant.
std::optional<LinearLayer> linearLayer(Op &op);

// The bias as one number for each row, zeros where there is none; none if it is not a constant of
// that form.
std::optional<std::vector<double>> biasOf(const LinearLayer &layer);

// Gives the layer new weights (of the same type) or a new bias, as parameters of its own.
void setWeights(Module &module, LinearLayer &layer, Tensor weights);
void setBias(Module &module, LinearLayer &layer, const std::vector<double> &bias);

// Whether every element of the result sums over all kernel taps: no tap reads padding.
bool readsNoPadding(const Op &op);

// W'[row, column] = W[row, column] * rowScale[row] * columnScale[column]; an empty list is all one.
Tensor scaledWeights(const LinearLayer &layer, const std::vector<double> &rowScale,
                     const std::vector<double> &columnScale);

// A rank-1 tensor.
Tensor vectorOf(DType dtype, const std::vector<double> &values);

} // namespace edgecc
