// Resampling axis by axis: each result position along an axis is a weighted sum of a few operand
// positions. Sums in f64.
#include "backends/reference/Kernels.h"
#include "backends/reference/Mapping.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>
#include <cmath>

namespace edgecc::reference {

namespace {

struct Tap {
  int64_t source;
  double weight;
};

// How one axis is resampled.
struct Axis {
  const Op &op;
  size_t index;
  int64_t in, out;
  double scale;

  // The operand coordinate of result position i; far outside for extreme scales and regions.
  double coordinate(int64_t i) const {
    double x = unboundedCoordinate(i);
    return std::isnan(x) ? 0 : std::clamp(x, -0x1p40, 0x1p40);
  }
  double unboundedCoordinate(int64_t i) const;
  int64_t nearest(double x) const;
  std::vector<Tap> taps(double x) const;
  bool isIdentity() const {
    return in == out && scale == 1 && op.text("coordinate_mode") != "tf_crop_and_resize";
  }
};

// The formulas of ONNX Resize-19.
double Axis::unboundedCoordinate(int64_t i) const {
  const std::string &mode = op.text("coordinate_mode");
  auto x = static_cast<double>(i), inLength = static_cast<double>(in),
       outLength = static_cast<double>(out), last = inLength - 1;
  if (mode == "asymmetric")
    return x / scale;
  if (mode == "pytorch_half_pixel" && out == 1)
    return 0;
  if (mode == "half_pixel" || mode == "pytorch_half_pixel")
    return (x + 0.5) / scale - 0.5;
  if (mode == "half_pixel_symmetric") {
    double adjustment = outLength / (scale * inLength);
    return inLength / 2 * (1 - adjustment) + (x + 0.5) / scale - 0.5;
  }
  // The extent before it was rounded to an integer.
  if (mode == "align_corners")
    return out == 1 ? 0 : x * last / (scale * inLength - 1);
  const auto &roi = op.reals("roi"); // tf_crop_and_resize
  double start = roi[index], end = roi[roi.size() / 2 + index];
  if (out == 1)
    return 0.5 * (start + end) * last;
  return start * last + x * (end - start) * last / (outLength - 1);
}

int64_t Axis::nearest(double x) const {
  const std::string &mode = op.text("nearest_mode");
  double rounded = mode == "round_prefer_floor"  ? std::ceil(x - 0.5)
                   : mode == "round_prefer_ceil" ? std::floor(x + 0.5)
                   : mode == "floor"             ? std::floor(x)
                                                 : std::ceil(x);
  return std::clamp<int64_t>(numerics::fromReal<int64_t>(rounded), 0, in - 1);
}

// The convolution kernel of Keys 1981 with parameter a.
double cubicKernel(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// With antialias, a kernel for shrinking is widened by 1 / scale.
std::vector<Tap> Axis::taps(double x) const {
  bool isCubic = op.text("mode") == "cubic";
  double shrink = op.flag("antialias") ? std::min(scale, 1.0) : 1.0;
  double radius = (isCubic ? 2 : 1) / shrink;
  // From far outside all taps read the border, whatever their weights.
  x = std::clamp(x, -2 * radius - 1, static_cast<double>(in) + 2 * radius);
  auto base = static_cast<int64_t>(std::floor(x));
  auto reach = static_cast<int64_t>(std::ceil(radius));
  std::vector<Tap> taps;
  double sum = 0;
  for (int64_t at = base - reach + 1; at <= base + reach; ++at) {
    double distance = (static_cast<double>(at) - x) * shrink;
    double weight = isCubic ? cubicKernel(distance, op.real("cubic_coeff_a"))
                            : std::max(0.0, 1 - std::fabs(distance));
    if (op.flag("exclude_outside") && (at < 0 || at >= in))
      weight = 0;
    sum += weight;
    taps.push_back({std::clamp<int64_t>(at, 0, in - 1), weight});
  }
  if ((op.flag("exclude_outside") || shrink < 1) && sum != 0)
    for (Tap &tap : taps)
      tap.weight /= sum;
  return taps;
}

std::vector<double> resampleAxis(const std::vector<double> &x, const Dims &dims, const Axis &axis) {
  AxisView view = viewAround(dims, static_cast<int64_t>(axis.index));
  std::vector<double> y(static_cast<size_t>(view.outer * axis.out * view.inner));
  for (int64_t i = 0; i < axis.out; ++i)
    for (Tap tap : axis.taps(axis.coordinate(i)))
      for (int64_t outer = 0; outer < view.outer; ++outer) {
        const double *in = x.data() + (outer * view.extent + tap.source) * view.inner;
        double *out = y.data() + (outer * axis.out + i) * view.inner;
        for (int64_t k = 0; k < view.inner; ++k)
          out[k] += tap.weight * in[k];
      }
  return y;
}

// Interpolates elements of type T to results of type R.
template <class R, class T>
Tensor interpolate(const Tensor &x, const std::vector<Axis> &axes, Dims dims, DType to) {
  auto in = x.data<T>();
  std::vector<double> values(in.begin(), in.end());
  for (const Axis &axis : axes) {
    if (axis.isIdentity())
      continue;
    values = resampleAxis(values, dims, axis);
    dims[axis.index] = axis.out;
  }
  Tensor y(to, dims);
  auto out = y.mutableData<R>();
  for (size_t i = 0; i < values.size(); ++i)
    out[i] = numerics::fromReal<R>(std::is_integral_v<R> ? numerics::roundNearestEven(values[i])
                                                         : values[i]);
  return y;
}

Tensor pickNearest(const Tensor &x, const std::vector<Axis> &axes) {
  std::vector<Dims> maps;
  for (const Axis &axis : axes) {
    Dims &map = maps.emplace_back();
    for (int64_t i = 0; i < axis.out; ++i)
      map.push_back(axis.isIdentity() ? i : axis.nearest(axis.coordinate(i)));
  }
  return mapAxes(x, maps);
}

// Positions whose coordinate lies outside the operand take the extrapolation value.
void extrapolate(Tensor &y, const std::vector<Axis> &axes, double value) {
  for (const Axis &axis : axes) {
    AxisView view = viewAround(y.dims(), static_cast<int64_t>(axis.index));
    for (int64_t i = 0; i < axis.out; ++i) {
      double x = axis.coordinate(i);
      if (x >= 0 && x <= static_cast<double>(axis.in - 1))
        continue;
      for (int64_t outer = 0; outer < view.outer; ++outer)
        for (int64_t k = 0; k < view.inner; ++k)
          y.setDouble((outer * view.extent + i) * view.inner + k, value);
    }
  }
}

} // namespace

Results resize(const Call &call) {
  const Tensor &x = call[0];
  std::vector<Axis> axes;
  for (size_t i = 0; i < x.rank(); ++i)
    axes.push_back({call.op, i, x.dims()[i], call.op.ints("sizes")[i], call.op.reals("scales")[i]});
  auto interpolated = [&](auto tag) {
    using T = decltype(tag);
    return call.op.flag("real") ? interpolate<float, T>(x, axes, x.dims(), DType::F32)
                                : interpolate<T, T>(x, axes, x.dims(), x.dtype());
  };
  Tensor y = call.op.text("mode") == "nearest" ? pickNearest(x, axes)
                                               : visitNumber(x.dtype(), interpolated);
  if (call.op.text("coordinate_mode") == "tf_crop_and_resize")
    extrapolate(y, axes, call.op.real("extrapolation_value"));
  return one(std::move(y));
}

} // namespace edgecc::reference
