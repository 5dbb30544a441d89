#include "backends/reference/Indices.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace edgecc::reference {

namespace {

// More samples per bin and axis than any region inside an image needs.
constexpr double kMostSamples = 4096;

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
};

Expected<Bins> binsOf(const Op &op, double low, double high, int64_t count) {
  double shift = op.flag("half_pixel") ? 0.5 : 0, scale = op.real("spatial_scale");
  double start = low * scale - shift, extent = high * scale - shift - start;
  if (!op.flag("half_pixel"))
    extent = std::max(extent, 1.0);
  double size = extent / static_cast<double>(count);
  double samples = op.integer("sampling_ratio") > 0
                       ? static_cast<double>(op.integer("sampling_ratio"))
                       : std::ceil(size);
  if (!(samples <= kMostSamples))
    return error("RoiAlign: a region needs more than 4096 samples per bin", op.location);
  return Bins{start, size, std::max<int64_t>(static_cast<int64_t>(samples), 0)};
}

template <class T> T poolBin(const T *plane, const std::vector<Sample> &samples, bool takesMax) {
  double sum = 0, most = 0;
  bool isFirst = true;
  for (const Sample &sample : samples)
    for (size_t i = 0; i < 4; ++i) {
      double part =
          sample.weight[i] == 0 ? 0 : sample.weight[i] * static_cast<double>(plane[sample.at[i]]);
      sum += part;
      most = isFirst ? part : std::max(most, part);
      isFirst = false;
    }
  double count = std::max(1.0, static_cast<double>(samples.size()));
  return static_cast<T>(takesMax ? most : sum / count);
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
      std::vector<Sample> samples;
      for (int64_t v = 0; v < vertical.samples; ++v)
        for (int64_t h = 0; h < horizontal.samples; ++h)
          samples.push_back(sampleAt(vertical.coordinate(i / columns, v),
                                     horizontal.coordinate(i % columns, h), height, width));
      visitFloat(x.dtype(), [&](auto tag) {
        using T = decltype(tag);
        const T *image = x.data<T>().data() + batch * channels * height * width;
        T *out = y.mutableData<T>().data() + r * channels * rows * columns + i;
        for (int64_t c = 0; c < channels; ++c)
          out[c * rows * columns] = poolBin(image + c * height * width, samples, op.flag("max"));
      });
    }
  }
  return one(std::move(y));
}

} // namespace edgecc::reference
