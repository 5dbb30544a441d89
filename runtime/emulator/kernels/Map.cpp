// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Compute.h"

#include <algorithm>

namespace edgecc::emulator {

namespace {

template <class V> void run(const Operand &x, Stages stages, Inputs inputs, const Operand &output) {
  Walk walk = walkOf(output.dims, {broadcastStrides(x, output.dims)});
  StageRunner runner(x.type, stages, inputs, output);
  std::vector<V> values(static_cast<size_t>(std::min(walk.length(), kStageBatch)));
  int64_t length = walk.length(), stride = walk.strides[0].back();
  for (int64_t row = 0, rows = walk.rows(); row < rows; ++row) {
    int64_t position = 0;
    walk.positionsOf(row, &position);
    for (int64_t at = 0; at < length; at += kStageBatch) {
      int64_t count = std::min(kStageBatch, length - at);
      loadRun(x, position + at * stride, stride, count, values.data());
      runner.put(row * length + at, count, values.data());
    }
  }
}

} // namespace

void mapValues(const Operand &x, Stages stages, Inputs inputs, const Operand &output) {
  if (stages.empty() && x.type == output.type)
    return copyElements(x, output);
  if (isFloat(x.type))
    run<float>(x, stages, inputs, output);
  else
    run<int64_t>(x, stages, inputs, output);
}

} // namespace edgecc::emulator
