// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Window.h"

#include <algorithm>

namespace edgecc::emulator {

namespace {

void unravel(int64_t i, std::span<const int64_t> dims, int64_t *index) {
  for (size_t d = dims.size(); d-- > 0; i /= dims[d])
    index[d] = i % dims[d];
}

// a / b towards minus infinity; b is positive.
int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

} // namespace

WindowRuns::WindowRuns(const Window &window) : window_(window) {
  size_t rank = window.rank();
  taps_.resize(static_cast<size_t>(window.taps()) * rank);
  for (size_t tap = 0; tap * rank < taps_.size(); ++tap)
    unravel(static_cast<int64_t>(tap), window.kernel, taps_.data() + tap * rank);
}

void WindowRuns::plan(int64_t first, int64_t count) {
  runs_.clear();
  begins_ = {0};
  size_t rank = window_.rank();
  for (size_t tap = 0; tap < taps_.size(); tap += rank) {
    planTap(std::span(taps_).subspan(tap, rank), first, count);
    begins_.push_back(runs_.size());
  }
}

void WindowRuns::planTap(std::span<const int64_t> k, int64_t first, int64_t count) {
  size_t last = window_.rank() - 1;
  int64_t width = window_.out[last], step = window_.strides[last], in = window_.in[last];
  // Windows whose tap lies inside along the last axis.
  int64_t shift = window_.padsLow[last] - k[last] * window_.dilations[last];
  int64_t low = std::max<int64_t>(0, floorDivide(shift + step - 1, step));
  int64_t high = std::min(width, floorDivide(in - 1 + shift, step) + 1);
  std::array<int64_t, kMaxRank> o{};
  unravel(first, window_.out, o.data());
  size_t begin = runs_.size();
  for (int64_t column = 0; column < count;) {
    int64_t at = o[last], length = std::min(width - at, count - column);
    int64_t row = 0;
    bool isInside = true;
    for (size_t d = 0; d < last; ++d) {
      int64_t source = window_.source(d, o[d], k[d]);
      isInside &= source >= 0 && source < window_.in[d];
      row = row * window_.in[d] + source;
    }
    int64_t from = std::max(at, low), to = std::min(at + length, high);
    if (isInside && from < to) {
      Run run{column + from - at, row * in + from * step - shift, to - from};
      Run *before = runs_.size() > begin ? &runs_.back() : nullptr;
      if (before && before->column + before->count == run.column &&
          before->source + before->count * step == run.source)
        before->count += run.count;
      else
        runs_.push_back(run);
    }
    column += length;
    o[last] = 0;
    for (size_t d = last; d-- > 0;) {
      if (++o[d] < window_.out[d])
        break;
      o[d] = 0;
    }
  }
}

} // namespace edgecc::emulator
