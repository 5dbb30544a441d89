// SPDX-License-Identifier: Apache-2.0
//
// Softmax along one axis: shifted by the first maximum, powers in f32, their sum in f64.
#include "runtime/emulator/kernels/Compute.h"

#include <cmath>

namespace edgecc::emulator {

namespace {

// Elements `step` apart, in place.
void softmaxLine(float *line, int64_t length, int64_t step, bool logarithm) {
  float most = line[0];
  for (int64_t i = 1; i < length; ++i)
    most = line[i * step] > most ? line[i * step] : most;
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) {
    float shifted = line[i * step] - most, power = std::exp(shifted);
    sum += static_cast<double>(power);
    line[i * step] = logarithm ? shifted : power;
  }
  auto total = static_cast<float>(sum), logTotal = static_cast<float>(std::log(sum));
  for (int64_t i = 0; i < length; ++i) {
    float &y = line[i * step];
    y = logarithm ? y - logTotal : y / total;
  }
}

} // namespace

void computeSoftmax(const SoftmaxT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  const Operand &x = inputs[0];
  std::vector<float> values = loadAll<float>(x);
  int64_t length = x.dims[kernel.axis], inner = 1;
  for (size_t i = kernel.axis + 1; i < x.dims.size(); ++i)
    inner *= x.dims[i];
  auto count = static_cast<int64_t>(values.size());
  for (int64_t outer = 0; outer < count; outer += length * inner)
    for (int64_t i = 0; i < inner; ++i)
      softmaxLine(values.data() + outer + i, length, inner, kernel.logarithm);
  StageRunner(kernel.to, stages, inputs, output).putRounded(0, count, values.data());
}

} // namespace edgecc::emulator
