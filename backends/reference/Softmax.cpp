#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include <cmath>
#include <limits>

namespace edgecc::reference {

namespace {

// One line along the axis: elements `step` apart.
template <class T> struct Line {
  const T *in;
  T *out;
  int64_t length, step;
};

template <class T> int64_t firstMaximum(const Line<T> &line) {
  int64_t best = 0;
  for (int64_t i = 1; i < line.length; ++i)
    if (line.in[i * line.step] > line.in[best * line.step])
      best = i;
  return best;
}

template <class T> void hardmaxLine(const Line<T> &line) {
  line.out[firstMaximum(line) * line.step] = T(1);
}

template <class T> void softmaxLine(const Line<T> &line, bool logarithm) {
  T most = line.in[firstMaximum(line) * line.step];
  double sum = 0;
  for (int64_t i = 0; i < line.length; ++i) {
    T shifted = line.in[i * line.step] - most, power = std::exp(shifted);
    sum += static_cast<double>(power);
    line.out[i * line.step] = logarithm ? shifted : power;
  }
  auto total = static_cast<T>(sum), logTotal = static_cast<T>(std::log(sum));
  for (int64_t i = 0; i < line.length; ++i) {
    T &y = line.out[i * line.step];
    y = logarithm ? y - logTotal : y / total;
  }
}

} // namespace

Results softmax(const Call &call) {
  const Tensor &x = call[0];
  AxisView view = viewAround(x.dims(), call.op.integer("axis"));
  Tensor y(x.dtype(), x.dims());
  if (x.elements() == 0)
    return one(std::move(y));
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        int64_t at = outer * view.extent * view.inner + inner;
        Line<T> line{in + at, out + at, view.extent, view.inner};
        if (call.op.kind() == OpKind::Hardmax)
          hardmaxLine(line);
        else
          softmaxLine(line, call.op.kind() == OpKind::LogSoftmax);
      }
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
