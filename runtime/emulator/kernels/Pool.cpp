// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Compute.h"
#include "runtime/emulator/kernels/Window.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace edgecc::emulator {

namespace {

// Windows are planned in tiles of about this many taps.
constexpr int64_t kTileTaps = int64_t{1} << 20;

// For each of `count` windows, how many elements a mean divides by: the taps inside, or with the
// padding those that lie inside the padded data.
std::vector<int64_t> countsOf(const PoolT &kernel, const Window &window, const WindowRuns &runs,
                              int64_t first, int64_t count) {
  std::vector<int64_t> counts(static_cast<size_t>(count), 0);
  if (kernel.kind != PoolKind::AverageWithPadding) {
    for (int64_t tap = 0; tap < window.taps(); ++tap)
      for (const WindowRuns::Run &run : runs.runs(tap))
        for (int64_t i = 0; i < run.count; ++i)
          ++counts[static_cast<size_t>(run.column + i)];
    return counts;
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    int64_t rest = first + static_cast<int64_t>(i);
    counts[i] = 1;
    for (size_t d = window.rank(); d-- > 0; rest /= window.out[d]) {
      int64_t room = window.in[d] + kernel.pads_high[d] - window.source(d, rest % window.out[d], 0);
      int64_t fitting = (room + window.dilations[d] - 1) / window.dilations[d];
      counts[i] *= std::clamp<int64_t>(fitting, 0, window.kernel[d]);
    }
  }
  return counts;
}

template <class V> V mean(V sum, int64_t count) {
  if (count == 0)
    return 0;
  if constexpr (std::is_floating_point_v<V>)
    return sum / static_cast<V>(count);
  else
    return static_cast<V>(
        numerics::roundNearestEven(static_cast<double>(sum) / static_cast<double>(count)));
}

// The first of equal maxima; NaN beats everything and stays.
template <class V> V larger(V best, V value) {
  return value > best || (value != value && best == best) ? value : best;
}

template <class V>
void pool(const PoolT &kernel, Stages stages, Inputs inputs, const Operand &output, V lowest) {
  const Operand &x = inputs[0];
  Window window = windowOf(kernel, x, output, {kernel.kernel.begin(), kernel.kernel.end()});
  WindowRuns runs(window);
  int64_t positions = window.positions(), channels = x.dims[1];
  int64_t tile = std::clamp<int64_t>(kTileTaps / window.taps(), 1, positions);
  std::vector<int64_t> counts;
  std::vector<V> plane(static_cast<size_t>(window.planeSize()));
  std::vector<V> values(static_cast<size_t>(tile));
  bool isMax = kernel.kind == PoolKind::Max, isSum = kernel.kind == PoolKind::Sum;
  StageRunner runner(kernel.to, stages, inputs, output);
  for (int64_t i = 0; i < x.dims[0] * channels; ++i) {
    loadAll(slice(slice(x, 0, i / channels, 1), 1, i % channels, 1), plane.data());
    for (int64_t first = 0; first < positions; first += tile) {
      int64_t count = std::min(tile, positions - first);
      if (i == 0 || tile < positions) {
        runs.plan(first, count);
        counts = countsOf(kernel, window, runs, first, count);
      }
      std::ranges::fill(values, isMax ? lowest : V(0));
      for (int64_t tap = 0; tap < window.taps(); ++tap)
        for (const WindowRuns::Run &run : runs.runs(tap)) {
          const V *in = plane.data() + run.source;
          V *out = values.data() + run.column;
          if (isMax)
            for (int64_t k = 0; k < run.count; ++k)
              out[k] = larger(out[k], in[k * runs.step()]);
          else
            for (int64_t k = 0; k < run.count; ++k)
              out[k] += in[k * runs.step()];
        }
      if (!isMax && !isSum)
        for (size_t k = 0; k < counts.size(); ++k)
          values[k] = mean(values[k], counts[k]);
      runner.putRounded(i * positions + first, count, values.data());
    }
  }
}

} // namespace

void computePool(const PoolT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  if (isFloat(inputs[0].type))
    pool<float>(kernel, stages, inputs, output, -std::numeric_limits<float>::infinity());
  else
    pool<int64_t>(kernel, stages, inputs, output, boundsOf(inputs[0].type).low);
}

} // namespace edgecc::emulator
