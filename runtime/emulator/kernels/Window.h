// SPDX-License-Identifier: Apache-2.0
//
// Sliding windows over the spatial axes of [N, C, spatial...].
#pragma once

#include "runtime/emulator/kernels/Access.h"

#include <array>

namespace edgecc::emulator {

// One entry for each spatial axis.
struct Window {
  std::vector<int64_t> in, out, kernel, strides, dilations, padsLow;

  size_t rank() const { return in.size(); }
  int64_t taps() const { return product(kernel); }
  int64_t positions() const { return product(out); }
  int64_t planeSize() const { return product(in); }
  // The input coordinate that tap `k` of window `o` reads; may lie outside.
  int64_t source(size_t axis, int64_t o, int64_t k) const {
    return o * strides[axis] - padsLow[axis] + k * dilations[axis];
  }

private:
  static int64_t product(const std::vector<int64_t> &extents) {
    int64_t count = 1;
    for (int64_t extent : extents)
      count *= extent;
    return count;
  }
};

// Of a Contraction or Pool kernel; `kernel` has the extents of its taps.
template <class K>
Window windowOf(const K &k, const Operand &x, const Operand &y, std::vector<int64_t> kernel) {
  Window window;
  window.in.assign(x.dims.begin() + 2, x.dims.end());
  window.out.assign(y.dims.begin() + 2, y.dims.end());
  window.kernel = std::move(kernel);
  window.strides.assign(k.strides.begin(), k.strides.end());
  window.dilations.assign(k.dilations.begin(), k.dilations.end());
  window.padsLow.assign(k.pads_low.begin(), k.pads_low.end());
  return window;
}

// The input elements that each tap reads in a run of windows, as strided runs of a plane.
class WindowRuns {
public:
  struct Run {
    int64_t column, source, count; // windows first + column..., plane elements source + i * step
  };
  explicit WindowRuns(const Window &window);

  // Plans windows [first, first + count), in row-major order.
  void plan(int64_t first, int64_t count);
  // What tap `tap` reads; windows that are not in a run read padding.
  std::span<const Run> runs(int64_t tap) const {
    auto t = static_cast<size_t>(tap);
    return std::span(runs_).subspan(begins_[t], begins_[t + 1] - begins_[t]);
  }
  int64_t step() const { return window_.strides.back(); }

private:
  void planTap(std::span<const int64_t> k, int64_t first, int64_t count);

  const Window &window_;
  std::vector<int64_t> taps_; // multi-index of each tap, one after the other
  std::vector<Run> runs_;     // of all taps
  std::vector<size_t> begins_;
};

} // namespace edgecc::emulator
