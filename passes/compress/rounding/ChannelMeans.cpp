#include "passes/compress/rounding/ChannelMeans.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace edgecc {

void ChannelMeans::add(const Tensor &tensor, unsigned axis) {
  auto channels = static_cast<size_t>(tensor.dims()[axis]);
  sums_.resize(channels);
  inside_.resize(channels);
  size_t inner = 1;
  for (size_t d = axis + 1; d < tensor.dims().size(); ++d)
    inner *= static_cast<size_t>(tensor.dims()[d]);
  auto values = tensor.data<float>();
  size_t rows = inner == 0 ? 0 : values.size() / inner; // of `inner` elements of one channel
  for (size_t row = 0; row < rows; ++row) {
    double sum = 0;
    size_t inside = 0;
    for (float value : values.subspan(row * inner, inner)) {
      sum += std::clamp(double{value}, bounds_.low, bounds_.high);
      inside += value > bounds_.low && value < bounds_.high;
    }
    sums_[row % channels] += sum;
    inside_[row % channels] += static_cast<double>(inside);
  }
  count_ += channels ? values.size() / channels : 0;
}

std::vector<double> ChannelMeans::shares(std::vector<double> sums) const {
  if (count_ == 0)
    return {};
  for (double &value : sums)
    value /= static_cast<double>(count_);
  return sums;
}

double clippedNormalMean(double mean, double deviation, double low, double high) {
  if (!(deviation > 0))
    return std::clamp(mean, low, high);
  auto distribution = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  auto density = [](double z) {
    return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  };
  double a = (low - mean) / deviation, b = (high - mean) / deviation;
  double below = distribution(a), upTo = distribution(b);
  double sum = mean * (upTo - below) + deviation * (density(a) - density(b));
  if (std::isfinite(low))
    sum += low * below;
  if (std::isfinite(high))
    sum += high * (1 - upTo);
  return sum;
}

} // namespace edgecc
