// SPDX-License-Identifier: Apache-2.0
//
// Normalisations. Moments accumulate in f64; results are rounded once.
#include "runtime/emulator/kernels/Compute.h"

#include <cmath>

namespace edgecc::emulator {

namespace {

struct Moments {
  double mean, variance;
};

Moments momentsOf(const float *x, int64_t count) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(x[i]);
  double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    double distance = static_cast<double>(x[i]) - mean;
    squares += distance * distance;
  }
  return {mean, squares / static_cast<double>(count)};
}

// An operand broadcast to dims `dims`, packed.
std::vector<float> spread(const Operand &x, const std::vector<int64_t> &dims) {
  Operand wide = x;
  wide.strides = broadcastStrides(x, dims);
  wide.dims = dims;
  return loadAll<float>(wide);
}

} // namespace

void computeNormalize(const NormalizeT &kernel, Stages stages, Inputs inputs,
                      const Operand &output) {
  const Operand &x = inputs[0];
  bool isGroup = kernel.kind == NormalizeKind::Group, centres = kernel.kind != NormalizeKind::Rms;
  // Of the elements that share moments.
  int64_t size = 1;
  for (size_t i = isGroup ? 1 : kernel.axis; i < x.dims.size(); ++i)
    size *= x.dims[i];
  if (isGroup)
    size /= kernel.groups;
  std::vector<float> values = loadAll<float>(x), scale, bias;
  // Both repeat along the axes before axis 1 (group) or `axis`.
  size_t repeated = isGroup ? 1 : kernel.axis;
  std::vector<int64_t> own(x.dims.begin() + static_cast<ptrdiff_t>(repeated), x.dims.end());
  size_t operand = 1;
  if (kernel.has_scale)
    scale = spread(inputs[operand++], own);
  if (kernel.has_bias)
    bias = spread(inputs[operand], own);
  size_t period = 1;
  for (int64_t extent : own)
    period *= static_cast<size_t>(extent);
  for (size_t first = 0; first < values.size(); first += static_cast<size_t>(size)) {
    Moments moments = momentsOf(values.data() + first, size);
    double mean = centres ? moments.mean : 0;
    // The mean square is the variance plus the squared mean.
    double square = moments.variance + (centres ? 0 : moments.mean * moments.mean);
    double inverse = 1 / std::sqrt(square + kernel.epsilon);
    for (size_t i = first; i < first + static_cast<size_t>(size); ++i) {
      size_t at = i % period;
      double factor = kernel.has_scale ? static_cast<double>(scale[at]) : 1;
      double addend = kernel.has_bias ? static_cast<double>(bias[at]) : 0;
      values[i] =
          static_cast<float>((static_cast<double>(values[i]) - mean) * inverse * factor + addend);
    }
  }
  StageRunner(kernel.to, stages, inputs, output)
      .putRounded(0, static_cast<int64_t>(values.size()), values.data());
}

} // namespace edgecc::emulator
