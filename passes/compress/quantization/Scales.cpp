#include "passes/compress/quantization/Scales.h"
#include "runtime/numerics/Quantize.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

// Below this, products of two scales would leave the normal f32 numbers.
constexpr float kLeastScale = 0x1p-60f;

numerics::IntegerRange integersOf(DType dtype) {
  return numerics::integerRange(static_cast<int>(bitWidth(dtype)), isSigned(dtype));
}

float largest(const std::vector<float> &weights) {
  float most = 0;
  for (float w : weights)
    most = std::max(most, std::abs(w));
  return most;
}

// sum (w - scale * clamp(round(w / scale)))^2
double squaredError(const std::vector<float> &weights, float scale, numerics::IntegerRange range) {
  auto low = static_cast<float>(range.low), high = static_cast<float>(range.high);
  float inverse = 1 / scale;
  double sum = 0;
  for (float w : weights) {
    float q = std::clamp(std::nearbyint(w * inverse), low, high);
    double difference = double{w} - double{q} * double{scale};
    sum += difference * difference;
  }
  return sum;
}

// Few bits lose less by clipping the rare large weights: for a normal distribution the best 4-bit
// scale covers about 2.6 of its deviations (Banner et al. 2019). The error has many small local
// minima, so every candidate is tried.
float scaleOf(const std::vector<float> &weights, const WeightScales &how) {
  numerics::IntegerRange range = integersOf(how.dtype);
  float widest = largest(weights) / static_cast<float>(range.high);
  if (!(widest > kLeastScale) || !std::isfinite(widest))
    return widest > kLeastScale ? 1 : kLeastScale;
  if (how.range == WeightRange::Max)
    return widest;
  constexpr int kCandidates = 64;
  constexpr float kNarrowest = 0.35f;
  float best = widest;
  double least = squaredError(weights, widest, range);
  for (int i = 1; i <= kCandidates; ++i) {
    float scale = widest * (1 - (1 - kNarrowest) * static_cast<float>(i) / kCandidates);
    double sum = squaredError(weights, scale, range);
    if (sum < least) {
      least = sum;
      best = scale;
    }
  }
  return std::max(best, kLeastScale);
}

} // namespace

ValueScale scaleOfRange(const Range &range, DType dtype, bool symmetric) {
  numerics::IntegerRange integers = integersOf(dtype);
  double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  ValueScale out{dtype, 1,
                 isSigned(dtype)        ? 0
                 : symmetric && low < 0 ? (integers.high + 1) / 2
                                        : 0};
  if (low == high)
    return out;
  if (symmetric) {
    double steps = integers.high - out.zeroPoint;
    out.scale = static_cast<float>(std::max(-low, high) / steps);
  } else {
    out.scale = static_cast<float>((high - low) / (integers.high - integers.low));
  }
  out.scale = std::max(out.scale, kLeastScale);
  if (!symmetric) {
    double zero = std::nearbyint(integers.low - low / double{out.scale});
    out.zeroPoint =
        static_cast<int32_t>(std::clamp<double>(zero, double(integers.low), double(integers.high)));
  }
  return out;
}

Tensor scalesOfWeights(const Tensor &weights, const WeightScales &how) {
  const Dims &w = weights.dims();
  auto in = weights.data<float>();
  if (how.perTensor)
    return Tensor::scalar<float>(DType::F32, scaleOf({in.begin(), in.end()}, how));
  auto axis = static_cast<size_t>(how.axis);
  int64_t extent = w[axis], stride = 1, outer = 1;
  for (size_t d = 0; d < axis; ++d)
    outer *= w[d];
  for (size_t d = axis + 1; d < w.size(); ++d)
    stride *= w[d];
  auto at = [&](int64_t o, int64_t a, int64_t i) {
    return in[static_cast<size_t>((o * extent + a) * stride + i)];
  };
  std::vector<float> group;
  if (how.block == 0) {
    Tensor scales(DType::F32, {extent});
    for (int64_t a = 0; a < extent; ++a) {
      group.clear();
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < stride; ++i)
          group.push_back(at(o, a, i));
      scales.mutableData<float>()[static_cast<size_t>(a)] = scaleOf(group, how);
    }
    return scales;
  }
  Dims dims = w;
  int64_t blocks = dims[axis] = (extent + how.block - 1) / how.block;
  Tensor scales(DType::F32, dims);
  auto out = scales.mutableData<float>();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t b = 0; b < blocks; ++b)
      for (int64_t i = 0; i < stride; ++i) {
        group.clear();
        for (int64_t a = b * how.block; a < std::min(extent, (b + 1) * how.block); ++a)
          group.push_back(at(o, a, i));
        out[static_cast<size_t>((o * blocks + b) * stride + i)] = scaleOf(group, how);
      }
  return scales;
}

} // namespace edgecc
