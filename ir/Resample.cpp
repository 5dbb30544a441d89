#include "ir/Resample.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

struct Resampling {
  std::string mode, coordinates, nearest;
  double scale, roiStart = 0, roiEnd = 1;
  int64_t in, out;
  double cubicA;
  bool excludeOutside, antialias;

  // Coordinate in the operand of result position i; far outside for extreme scales and regions.
  double coordinate(int64_t i) const {
    double x = unboundedCoordinate(i);
    return std::isnan(x) ? 0 : std::clamp(x, -0x1p40, 0x1p40);
  }

  double unboundedCoordinate(int64_t i) const {
    auto x = static_cast<double>(i);
    auto inExtent = static_cast<double>(in), outExtent = static_cast<double>(out);
    double resized = inExtent * scale; // before it was rounded to a whole extent
    if (coordinates == "half_pixel")
      return (x + 0.5) / scale - 0.5;
    if (coordinates == "half_pixel_symmetric") {
      double adjustment = outExtent / resized;
      double offset = inExtent / 2 * (1 - adjustment);
      return offset + (x + 0.5) / scale - 0.5;
    }
    if (coordinates == "pytorch_half_pixel")
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    if (coordinates == "align_corners")
      return out > 1 ? x * (inExtent - 1) / (resized - 1) : 0;
    if (coordinates == "asymmetric")
      return x / scale;
    // tf_crop_and_resize
    return out > 1 ? roiStart * (inExtent - 1) +
                         x * (roiEnd - roiStart) * (inExtent - 1) / (outExtent - 1)
                   : 0.5 * (roiStart + roiEnd) * (inExtent - 1);
  }

  int64_t nearestIndex(double x) const {
    double rounded;
    if (nearest == "floor")
      rounded = std::floor(x);
    else if (nearest == "ceil")
      rounded = std::ceil(x);
    else if (nearest == "round_prefer_ceil")
      rounded = std::floor(x + 0.5);
    else
      rounded = std::ceil(x - 0.5);
    return std::clamp<int64_t>(static_cast<int64_t>(rounded), 0, in - 1);
  }

  // The interpolation kernel at distance d.
  double filter(double d) const {
    d = std::fabs(d);
    if (mode == "linear")
      return d < 1 ? 1 - d : 0;
    double a = cubicA; // Keys, "Cubic convolution interpolation", 1981
    if (d <= 1)
      return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  }
};

Resampling resamplingOf(const Op &op, size_t axis) {
  Resampling r;
  r.mode = op.text("mode");
  r.coordinates = op.text("coordinate_mode");
  r.nearest = op.text("nearest_mode");
  r.scale = op.reals("scales")[axis];
  r.in = op.operand(0)->dims()[axis];
  r.out = op.ints("sizes")[axis];
  r.cubicA = op.real("cubic_coeff_a");
  r.excludeOutside = op.flag("exclude_outside");
  r.antialias = op.flag("antialias");
  const auto &roi = op.reals("roi");
  if (!roi.empty()) {
    r.roiStart = roi[axis];
    r.roiEnd = roi[roi.size() / 2 + axis];
  }
  return r;
}

} // namespace

AxisTaps resizeTaps(const Op &op, size_t axis) {
  Resampling r = resamplingOf(op, axis);
  AxisTaps taps;
  bool crops = r.coordinates == "tf_crop_and_resize";
  if (r.in == r.out && r.scale == 1.0 && !crops) {
    taps.isIdentity = true;
    return taps;
  }
  for (int64_t i = 0; i < r.out; ++i) {
    double x = r.coordinate(i);
    taps.outside.push_back(crops && (x < 0 || x > static_cast<double>(r.in - 1)));
  }
  if (r.mode == "nearest") {
    taps.isNearest = true;
    for (int64_t i = 0; i < r.out; ++i) {
      taps.indices.push_back(r.nearestIndex(r.coordinate(i)));
      taps.weights.push_back(1);
    }
    return taps;
  }
  // Shrinking with antialias stretches the filter over 1 / scale elements.
  double stretch = r.antialias && r.scale < 1 ? r.scale : 1.0;
  double radius = (r.mode == "linear" ? 1.0 : 2.0) / stretch;
  taps.taps = 2 * static_cast<int64_t>(std::ceil(radius));
  for (int64_t i = 0; i < r.out; ++i) {
    double x = r.coordinate(i);
    auto first = static_cast<int64_t>(std::floor(x)) - taps.taps / 2 + 1;
    std::vector<double> weights;
    double sum = 0;
    for (int64_t t = 0; t < taps.taps; ++t) {
      int64_t at = first + t;
      double weight = r.filter((static_cast<double>(at) - x) * stretch);
      if (r.excludeOutside && (at < 0 || at >= r.in))
        weight = 0;
      weights.push_back(weight);
      sum += weight;
      taps.indices.push_back(std::clamp<int64_t>(at, 0, r.in - 1));
    }
    bool normalise = (r.excludeOutside || stretch != 1.0) && sum != 0;
    for (double weight : weights)
      taps.weights.push_back(normalise ? weight / sum : weight);
  }
  return taps;
}

} // namespace edgecc
