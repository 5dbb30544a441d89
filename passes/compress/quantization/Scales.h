// Scales and zero points from ranges and weights.
#pragma once

#include "ir/Module.h"
#include "passes/compress/calibration/Calibration.h"
#include "passes/compress/quantization/Layer.h"

namespace edgecc {

// The affine map from integers of `dtype` that covers `range`, which contains 0:
//   scale = (high - low) / (2^bits - 1),  zeroPoint = round(lowest - low / scale)
// `symmetric`: the zero point is 0 (128 for u8 if low is below 0) and -low and high are covered.
ValueScale scaleOfRange(const Range &range, DType dtype, bool symmetric);

// How a weight scale is chosen for the weights that share it.
enum class WeightRange : uint8_t {
  Max, // max |w| / (2^(bits-1) - 1)
  Mse, // the least sum of squared rounding and clipping errors
};

// Scales of symmetric weights: one; one for each index along `axis`; or, with `block` above 0, one
// for each run of `block` weights along `axis` (the last may be shorter). Never 0.
struct WeightScales {
  bool perTensor = false;
  int64_t axis = 0;
  int64_t block = 0;
  DType dtype = DType::I8;
  WeightRange range = WeightRange::Max;
};
Tensor scalesOfWeights(const Tensor &weights, const WeightScales &how);

} // namespace edgecc
