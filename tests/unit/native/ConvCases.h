// Random convolutions of every kind, and what they should give by a naive loop.
#pragma once

#include "tests/unit/native/ContractionHarness.h"

namespace edgecc::test {

struct ConvCase {
  Dims x, w; // logical
  Dims strides, dilations, pads;
  int64_t group = 1;
  Dims outputPadding; // ConvTranspose if not empty
  bool channelsLast = true, bias = true, constantWeights = true;
  DType dtype = DType::F32, weightType = DType::F32;
  int64_t xZero = 0, wZero = 0;
  bool variableZero = false; // the zero point of x is an input
};

// The axes of a value from outermost to innermost in memory with channels last.
std::vector<int> channelsLast(size_t rank);

// `x`, `w` and `bias` (may be empty) are row-major; `y` is the shape of the result.
std::vector<double> naiveConv(const ConvCase &c, const std::vector<double> &x,
                              const std::vector<double> &w, const std::vector<double> &bias,
                              const Dims &y);

// Adds the convolution with random operands to the harness's function.
void addConv(Harness &h, const ConvCase &c);

ConvCase randomConv(Harness &h, size_t spatial, bool transposed);
size_t transposedAxis(const ConvCase &c); // the axis of w that runs over input channels
void makeDepthwise(Harness &h, ConvCase &c);
void makeNarrow(Harness &h, ConvCase &c);

} // namespace edgecc::test
