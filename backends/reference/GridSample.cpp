#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace edgecc::reference {

namespace {

enum class Padding : uint8_t { Zeros, Border, Reflection };

// One spatial axis of the image.
struct Axis {
  int64_t extent;
  bool alignCorners;
  Padding padding;

  double low() const { return alignCorners ? 0 : -0.5; }
  double high() const { return static_cast<double>(extent) - (alignCorners ? 1 : 0.5); }

  // From [-1, 1] to pixels.
  double denormalize(double x) const {
    auto length = static_cast<double>(extent);
    return alignCorners ? (x + 1) / 2 * (length - 1) : ((x + 1) * length - 1) / 2;
  }
  double reflect(double x) const {
    double range = high() - low();
    if (range == 0)
      return low();
    double period = 2 * range, folded = std::fmod(std::fabs(x - low()), period);
    return low() + (folded <= range ? folded : period - folded);
  }
  // The coordinate of a sampling point after padding.
  double pad(double x) const {
    if (!std::isfinite(x))
      return padding == Padding::Zeros ? -2 : 0;
    if (x >= low() && x <= high())
      return x;
    if (padding == Padding::Border)
      return std::clamp(x, 0.0, static_cast<double>(extent - 1));
    return padding == Padding::Reflection ? reflect(x) : x;
  }
  // The pixel that stands for position `i`; -1: zero.
  int64_t pixel(double i) const {
    if (padding == Padding::Reflection && (i < low() || i > high()))
      i = reflect(i);
    if (padding == Padding::Zeros && !(i >= 0 && i < static_cast<double>(extent)))
      return -1;
    return static_cast<int64_t>(std::clamp(i, 0.0, static_cast<double>(extent - 1)));
  }
};

struct Tap {
  int64_t pixel;
  double weight;
};

// Keys 1981 with a = -0.75.
double cubicKernel(double x) {
  constexpr double a = -0.75;
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<Tap> tapsAlong(const Axis &axis, double normalized, const std::string &mode) {
  double x = axis.denormalize(normalized);
  if (mode == "nearest")
    return {{axis.pixel(axis.pad(numerics::roundNearestEven(x))), 1}};
  x = axis.pad(x);
  double base = std::floor(x), rest = x - base;
  if (mode == "linear")
    return {{axis.pixel(base), 1 - rest}, {axis.pixel(base + 1), rest}};
  std::vector<Tap> taps;
  for (int i = -1; i <= 2; ++i)
    taps.push_back({axis.pixel(base + i), cubicKernel(i - rest)});
  return taps;
}

// The weighted sum over all combinations of the axes' taps.
template <class T>
double sampleFrom(const T *image, const std::vector<Axis> &axes,
                  const std::vector<std::vector<Tap>> &taps, size_t d, int64_t base) {
  if (d == axes.size())
    return static_cast<double>(image[base]);
  double sum = 0;
  for (const Tap &tap : taps[d])
    if (tap.pixel >= 0)
      sum += tap.weight * sampleFrom(image, axes, taps, d + 1, base * axes[d].extent + tap.pixel);
  return sum;
}

} // namespace

Results gridSample(const Call &call) {
  const Tensor &x = call[0], &grid = call[1];
  const Op &op = call.op;
  const std::string &mode = op.text("mode"), &paddingMode = op.text("padding_mode");
  Padding padding = paddingMode == "zeros"    ? Padding::Zeros
                    : paddingMode == "border" ? Padding::Border
                                              : Padding::Reflection;
  std::vector<Axis> axes;
  for (size_t d = 2; d < x.rank(); ++d)
    axes.push_back({x.dims()[d], op.flag("align_corners"), padding});
  auto rank = static_cast<int64_t>(axes.size());
  int64_t channels = x.dims()[1], size = numElements(Dims(x.dims().begin() + 2, x.dims().end()));
  Tensor y = call.result(x.dtype());
  int64_t points = numElements(Dims(y.dims().begin() + 2, y.dims().end()));
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *images = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t i = 0; i < x.dims()[0] * points; ++i) {
      std::vector<std::vector<Tap>> taps;
      for (int64_t d = 0; d < rank; ++d) // grid holds the innermost axis first
        taps.push_back(
            tapsAlong(axes[static_cast<size_t>(d)], grid.asDouble(i * rank + rank - 1 - d), mode));
      int64_t n = i / points, point = i % points;
      for (int64_t c = 0; c < channels; ++c)
        out[(n * channels + c) * points + point] =
            static_cast<T>(sampleFrom(images + (n * channels + c) * size, axes, taps, 0, 0));
    }
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
