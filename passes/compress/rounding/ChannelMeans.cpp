#include "passes/compress/rounding/ChannelMeans.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace edgecc {

void ChannelMeans::add(const Tensor &tensor, unsigned axis) {
  auto channels = static_cast<size_t>(tensor.dims()[axis]);
  sums_.resize(channels);
  size_t inner = 1;
  for (size_t d = axis + 1; d < tensor.dims().size(); ++d)
    inner *= static_cast<size_t>(tensor.dims()[d]);
  auto values = tensor.data<float>();
  size_t rows = inner == 0 ? 0 : values.size() / inner; // of `inner` elements of one channel
  for (size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (float value : values.subspan(row * inner, inner))
      sum += double{value};
    sums_[row % channels] += sum;
  }
  count_ += channels ? values.size() / channels : 0;
}

std::vector<double> ChannelMeans::means() const {
  if (count_ == 0)
    return {};
  std::vector<double> out = sums_;
  for (double &value : out)
    value /= static_cast<double>(count_);
  return out;
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
