#include "backends/reference/Window.h"

namespace edgecc::reference {

Dims unravel(int64_t i, const Dims &dims) {
  Dims index(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    index[d] = i % dims[d];
    i /= dims[d];
  }
  return index;
}

void Window::sourcesOf(int64_t tap, int64_t first, int64_t count, int64_t *sources) const {
  Dims k = unravel(tap, kernel), o = unravel(first, out);
  size_t last = rank() - 1;
  while (count > 0) {
    int64_t row = 0; // position of the row in the input, while it is inside
    bool isInside = true;
    for (size_t d = 0; d < last; ++d) {
      int64_t at = source(d, o[d], k[d]);
      isInside &= at >= 0 && at < in[d];
      row = row * in[d] + at;
    }
    row *= in[last];
    for (; o[last] < out[last] && count > 0; ++o[last], --count) {
      int64_t at = source(last, o[last], k[last]);
      *sources++ = isInside && at >= 0 && at < in[last] ? row + at : -1;
    }
    o[last] = 0;
    for (size_t d = last; d-- > 0;) {
      if (++o[d] < out[d])
        break;
      o[d] = 0;
    }
  }
}

Window windowOf(const Op &op, const Dims &in, const Dims &kernel, const Dims &out) {
  Window window;
  window.in.assign(in.begin() + 2, in.end());
  window.out.assign(out.begin() + 2, out.end());
  window.kernel = kernel;
  window.strides = op.ints("strides");
  window.dilations = op.ints("dilations");
  const auto &pads = op.ints("pads");
  window.padsLow.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(window.in.size()));
  return window;
}

} // namespace edgecc::reference
