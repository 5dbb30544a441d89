// SPDX-License-Identifier: Apache-2.0
//
// Resampling axis by axis with taps from the program: sums in f64, rounded once at the end.
#include "runtime/emulator/kernels/Compute.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>

namespace edgecc::emulator {

namespace {

std::vector<double> resample(const std::vector<double> &x, std::span<const int64_t> dims,
                             const ResizeAxisT &axis) {
  int64_t outer = 1, inner = 1, in = dims[axis.axis], taps = axis.taps;
  for (size_t i = 0; i < dims.size(); ++i)
    if (i != axis.axis)
      (i < axis.axis ? outer : inner) *= dims[i];
  int64_t out = static_cast<int64_t>(axis.indices.size()) / taps;
  std::vector<double> y(static_cast<size_t>(outer * out * inner));
  for (int64_t i = 0; i < out; ++i)
    for (int64_t tap = i * taps; tap < (i + 1) * taps; ++tap)
      for (int64_t o = 0; o < outer; ++o) {
        double weight = axis.weights[static_cast<size_t>(tap)];
        const double *from = x.data() + (o * in + axis.indices[static_cast<size_t>(tap)]) * inner;
        double *to = y.data() + (o * out + i) * inner;
        for (int64_t k = 0; k < inner; ++k)
          to[k] += weight * from[k];
      }
  return y;
}

// One tap of weight 1 everywhere copies elements, whatever their type; a sum in f64 would lose the
// sign of zero and the last bits of 64-bit integers.
bool isNearest(const ResizeT &kernel) {
  return std::ranges::all_of(kernel.axes, [](const auto &axis) {
    return axis->taps == 1 &&
           std::ranges::all_of(axis->weights, [](double weight) { return weight == 1; });
  });
}

template <class V>
void pickNearest(const ResizeT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  const Operand &x = inputs[0];
  std::vector<V> values = loadAll<V>(x);
  std::vector<int64_t> dims = x.dims;
  for (const auto &axis : kernel.axes) {
    int64_t outer = 1, inner = 1, in = dims[axis->axis];
    for (size_t i = 0; i < dims.size(); ++i)
      if (i != axis->axis)
        (i < axis->axis ? outer : inner) *= dims[i];
    std::vector<V> picked;
    picked.reserve(static_cast<size_t>(outer * inner) * axis->indices.size());
    for (int64_t o = 0; o < outer; ++o)
      for (int32_t index : axis->indices) {
        auto from = values.begin() + (o * in + index) * inner;
        picked.insert(picked.end(), from, from + inner);
      }
    dims[axis->axis] = static_cast<int64_t>(axis->indices.size());
    values = std::move(picked);
  }
  StageRunner(x.type, stages, inputs, output)
      .put(0, static_cast<int64_t>(values.size()), values.data());
}

template <class V>
void interpolate(const ResizeT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  const Operand &x = inputs[0];
  std::vector<V> in = loadAll<V>(x);
  std::vector<double> values(in.begin(), in.end());
  std::vector<int64_t> dims = x.dims;
  for (const auto &axis : kernel.axes) {
    values = resample(values, dims, *axis);
    dims[axis->axis] = static_cast<int64_t>(axis->indices.size()) / axis->taps;
  }
  StageRunner runner(kernel.to, stages, inputs, output);
  auto count = static_cast<int64_t>(values.size());
  if (isFloat(kernel.to)) {
    std::vector<float> rounded(values.begin(), values.end());
    runner.putRounded(0, count, rounded.data());
    return;
  }
  auto [low, high] = boundsOf(kernel.to);
  std::vector<int64_t> rounded(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    rounded[i] =
        std::clamp(numerics::toInteger<int64_t>(numerics::roundNearestEven(values[i])), low, high);
  runner.put(0, count, rounded.data());
}

} // namespace

void computeResize(const ResizeT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  bool onFloats = isFloat(inputs[0].type);
  if (kernel.to == inputs[0].type && isNearest(kernel))
    return onFloats ? pickNearest<float>(kernel, stages, inputs, output)
                    : pickNearest<int64_t>(kernel, stages, inputs, output);
  onFloats ? interpolate<float>(kernel, stages, inputs, output)
           : interpolate<int64_t>(kernel, stages, inputs, output);
}

} // namespace edgecc::emulator
