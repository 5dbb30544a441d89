// A convolution or matrix product whose operands are dequantised integers.
#pragma once

#include "passes/lower/quantized/Quantized.h"

namespace edgecc::quantized {

struct Contraction {
  const Op *op = nullptr;
  Value *x = nullptr,
        *w = nullptr; // integers; `w` at most 8 bits if it is constant and 4 bits wide
  Quantization xq, wq;
  // DynamicQuantizeLinear: scale and zero point of x as scalars known at run time. `xq` then has
  // scale 1 and the zero point that reaches farthest.
  Value *runTimeScale = nullptr, *runTimeZeroPoint = nullptr;
  Value *bias = nullptr; // real; null: none
  double alpha = 1, beta = 1;
  const Tensor *weights = nullptr; // null: not constant
  int64_t channels = 0;            // of the result
  int64_t channelAxis = 0;         // of the result
  int64_t depth = 0;               // input channels of a group, or K
  int64_t taps = 1;                // of the window

  // None if the op or its quantisation has no integer form.
  static std::optional<Contraction> of(const Op &op);

  double accumulatorScale(int64_t channel) const {
    return alpha * double{xq.scale(0)} * double{wq.scale(static_cast<size_t>(channel))};
  }
  // For each channel of the result, sum |w - zero point| over the input channels [from, to).
  std::vector<int64_t> weightSums(int64_t from, int64_t to) const;
  // sum (w - zero point) over all; the weights must be constant.
  std::vector<int64_t> signedWeightSums() const;
  // Some windows reach outside x.
  bool hasPadding() const;
  // Whether the reduction may be cut between input channels.
  bool isSplittable() const;
  // The integer op over the input channels [from, to).
  Value *product(Builder &builder, int64_t from, int64_t to, Value *xZero, Value *wZero,
                 Value *bias) const;

private:
  // Result channel and input channel of element `i` of the weights in row-major order.
  std::pair<int64_t, int64_t> rolesOf(int64_t i) const;
};

} // namespace edgecc::quantized
