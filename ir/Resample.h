// Which operand elements a resized element is made of: computed at compile time, axis by axis.
#pragma once

#include "ir/Op.h"

namespace edgecc {

// For result index i and tap t along one axis: operand index and weight at [i * taps + t].
struct AxisTaps {
  int64_t taps = 1;
  std::vector<int64_t> indices;
  std::vector<double> weights;
  std::vector<uint8_t> outside; // result indices whose coordinate lies outside the operand
  bool isIdentity = false;      // index i, weight 1
  bool isNearest = false;       // all weights are 1
};

// ONNX Resize-19 along axis `axis` of `op`.
AxisTaps resizeTaps(const Op &op, size_t axis);

} // namespace edgecc
