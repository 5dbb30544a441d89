// Deformable convolution: every tap samples bilinearly where its offset points.
#include "backends/reference/Convert.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/MatrixProduct.h"
#include "backends/reference/Visit.h"
#include "backends/reference/Window.h"

#include <cmath>

namespace edgecc::reference {

namespace {

// Zero outside the plane.
template <class T> T bilinear(const T *plane, int64_t height, int64_t width, T y, T x) {
  if (!(y > T(-1) && y < static_cast<T>(height) && x > T(-1) && x < static_cast<T>(width)))
    return 0;
  auto top = static_cast<int64_t>(std::floor(y)), left = static_cast<int64_t>(std::floor(x));
  T dy = y - static_cast<T>(top), dx = x - static_cast<T>(left);
  auto pixel = [&](int64_t r, int64_t c) {
    return r >= 0 && r < height && c >= 0 && c < width ? plane[r * width + c] : T(0);
  };
  return (1 - dy) * ((1 - dx) * pixel(top, left) + dx * pixel(top, left + 1)) +
         dy * ((1 - dx) * pixel(top + 1, left) + dx * pixel(top + 1, left + 1));
}

template <class T> struct Operands {
  Tensor w, offset, bias, mask;
  explicit Operands(const Call &call) {
    auto load = [&](unsigned i) {
      return call.has(i) ? convert(call[i], call[0].dtype()) : Tensor();
    };
    w = load(1);
    offset = load(2);
    bias = load(3);
    mask = load(4);
  }
};

template <class T> Tensor deformed(const Call &call) {
  const Tensor &x = call[0];
  Operands<T> operands(call);
  const Dims &w = operands.w.dims();
  Tensor y = call.result(x.dtype());
  Window window = windowOf(call.op, x.dims(), Dims(w.begin() + 2, w.end()), y.dims());
  int64_t groups = call.op.integer("group"), offsetGroups = call.op.integer("offset_group");
  int64_t channels = w[1], outputs = w[0] / groups, taps = window.taps();
  int64_t positions = window.positions(), height = x.dims()[2], width = x.dims()[3];
  int64_t perOffsetGroup = x.dims()[1] / offsetGroups;
  std::vector<T> columns(static_cast<size_t>(channels * taps * positions));
  const T *offsets = operands.offset.template data<T>().data();
  const T *masks = call.has(4) ? operands.mask.template data<T>().data() : nullptr;
  T *out = y.mutableData<T>().data();
  for (int64_t n = 0; n < x.dims()[0]; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      T *column = columns.data();
      for (int64_t c = g * channels; c < (g + 1) * channels; ++c) {
        const T *plane = x.data<T>().data() + (n * x.dims()[1] + c) * height * width;
        for (int64_t tap = 0; tap < taps; ++tap) {
          int64_t slot = (n * offsetGroups + c / perOffsetGroup) * taps + tap;
          const T *dy = offsets + 2 * slot * positions, *dx = dy + positions;
          Dims k = unravel(tap, window.kernel);
          for (int64_t i = 0; i < positions; ++i) {
            auto row = static_cast<T>(window.source(0, i / window.out[1], k[0]));
            auto col = static_cast<T>(window.source(1, i % window.out[1], k[1]));
            T value = bilinear(plane, height, width, row + dy[i], col + dx[i]);
            *column++ = masks ? value * masks[slot * positions + i] : value;
          }
        }
      }
      T *result = out + (n * groups + g) * outputs * positions;
      multiply(operands.w.template data<T>().data() + g * outputs * channels * taps,
               channels * taps, columns.data(), positions, result, positions, outputs, positions,
               channels * taps);
      if (call.has(3))
        for (int64_t i = 0; i < outputs * positions; ++i)
          result[i] +=
              operands.bias.template data<T>()[static_cast<size_t>(g * outputs + i / positions)];
    }
  return y;
}

} // namespace

Results deformConv(const Call &call) {
  return one(visitFloat(call[0].dtype(), [&](auto tag) { return deformed<decltype(tag)>(call); }));
}

} // namespace edgecc::reference
