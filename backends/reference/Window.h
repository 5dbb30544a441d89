// Sliding windows over spatial axes: convolution and pooling.
#pragma once

#include "ir/Op.h"

namespace edgecc::reference {

// One entry for each spatial axis.
struct Window {
  Dims in, out, kernel, strides, dilations, padsLow;

  size_t rank() const { return in.size(); }
  int64_t taps() const { return numElements(kernel); }
  int64_t positions() const { return numElements(out); }
  // The input coordinate along `axis` that tap `k` of window `o` reads; may lie outside.
  int64_t source(size_t axis, int64_t o, int64_t k) const {
    return o * strides[axis] - padsLow[axis] + k * dilations[axis];
  }
  // Taps and positions are numbered in row-major order. Fills `sources[0..count)` with the
  // row-major input position that `tap` reads in the windows from `first` on; -1: in the padding.
  void sourcesOf(int64_t tap, int64_t first, int64_t count, int64_t *sources) const;
};

// From attributes strides, dilations and pads, with the axes of `in` and `out` from 2 on.
Window windowOf(const Op &op, const Dims &in, const Dims &kernel, const Dims &out);

// The multi-index of row-major position `i`.
Dims unravel(int64_t i, const Dims &dims);

} // namespace edgecc::reference
