#include "backends/reference/Indices.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace edgecc::reference {

namespace {

// The four neighbours of a sampling point and their weights; no neighbours outside the image.
struct Sample {
  std::array<int64_t, 4> at{};
  std::array<double, 4> weight{};
};

Sample sampleAt(double y, double x, int64_t height, int64_t width) {
  Sample sample;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width)))
    return sample;
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  auto top = static_cast<int64_t>(y), left = static_cast<int64_t>(x);
  int64_t bottom = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
  double dy = y - static_cast<double>(top), dx = x - static_cast<double>(left);
  sample.at = {top * width + left, top * width + right, bottom * width + left,
               bottom * width + right};
  sample.weight = {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx};
  return sample;
}

// One axis of a region: where it starts, the size of a bin, samples in each.
struct Bins {
  double start, size;
  int64_t samples;
  double coordinate(int64_t bin, int64_t sample) const {
    return start + size * (static_cast<double>(bin) +
                           (static_cast<double>(sample) + 0.5) / static_cast<double>(samples));
  }
  // The samples [first, last) of a bin that may lie inside an image of this extent; the others are
  // zero. However large the region, these are few: samples are at least half a pixel apart.
  std::pair<int64_t, int64_t> inside(int64_t bin, int64_t extent) const {
    if (!(size > 0))
      return {0, samples};
    auto count = static_cast<double>(samples);
    auto position = [&](double x) {
      return ((x - start) / size - static_cast<double>(bin)) * count;
    };
    return {
        static_cast<int64_t>(std::clamp(position(-1) - 1, 0.0, count)),
        static_cast<int64_t>(std::clamp(position(static_cast<double>(extent)) + 1, 0.0, count))};
  }
};

Expected<Bins> binsOf(const Op &op, double low, double high, int64_t count) {
  double shift = op.flag("half_pixel") ? 0.5 : 0, scale = op.real("spatial_scale");
  double start = low * scale - shift, length = high * scale - shift - start;
  if (!std::isfinite(start) || !std::isfinite(length))
    return error("RoiAlign: the coordinates of a region are not finite", op.location);
  if (!op.flag("half_pixel"))
    length = std::max(length, 1.0);
  double size = length / static_cast<double>(count);
  int64_t samples = op.integer("sampling_ratio");
  if (samples == 0)
    samples = static_cast<int64_t>(std::clamp(std::ceil(size), 0.0, 0x1p30));
  return Bins{start, size, samples};
}

// `count` samples of which those that are not listed are zero.
template <class T>
T poolBin(const T *plane, const std::vector<Sample> &samples, double count, bool takesMax) {
  double sum = 0, most = -std::numeric_limits<double>::infinity();
  for (const Sample &sample : samples)
    for (size_t i = 0; i < 4; ++i) {
      double part =
          sample.weight[i] == 0 ? 0 : sample.weight[i] * static_cast<double>(plane[sample.at[i]]);
      sum += part;
      most = std::max(most, part);
    }
  if (static_cast<double>(samples.size()) < count || samples.empty())
    most = std::max(most, 0.0);
  return static_cast<T>(takesMax ? most : sum / std::max(1.0, count));
}

} // namespace

Results roiAlign(const Call &call) {
  const Tensor &x = call[0], &rois = call[1];
  const Op &op = call.op;
  int64_t channels = x.dims()[1], height = x.dims()[2], width = x.dims()[3];
  int64_t rows = op.integer("output_height"), columns = op.integer("output_width");
  Tensor y = call.result(x.dtype());
  if (x.elements() == 0)
    return error("RoiAlign: x has no elements", op.location);
  for (int64_t r = 0; r < rois.dims()[0]; ++r) {
    EDGECC_TRY(batch, checkedIndex(op, call[2].asInt(r), x.dims()[0]));
    EDGECC_TRY(vertical, binsOf(op, rois.asDouble(4 * r + 1), rois.asDouble(4 * r + 3), rows));
    EDGECC_TRY(horizontal, binsOf(op, rois.asDouble(4 * r), rois.asDouble(4 * r + 2), columns));
    for (int64_t i = 0; i < rows * columns; ++i) {
      int64_t row = i / columns, column = i % columns;
      auto [top, bottom] = vertical.inside(row, height);
      auto [left, right] = horizontal.inside(column, width);
      std::vector<Sample> samples;
      for (int64_t v = top; v < bottom; ++v)
        for (int64_t h = left; h < right; ++h)
          samples.push_back(sampleAt(vertical.coordinate(row, v), horizontal.coordinate(column, h),
                                     height, width));
      double count =
          static_cast<double>(vertical.samples) * static_cast<double>(horizontal.samples);
      visitFloat(x.dtype(), [&](auto tag) {
        using T = decltype(tag);
        const T *image = x.data<T>().data() + batch * channels * height * width;
        T *out = y.mutableData<T>().data() + r * channels * rows * columns + i;
        for (int64_t c = 0; c < channels; ++c)
          out[c * rows * columns] =
              poolBin(image + c * height * width, samples, count, op.flag("max"));
      });
    }
  }
  return one(std::move(y));
}

} // namespace edgecc::reference
