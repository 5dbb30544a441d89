// Means of channels: over data, and of a clipped normal distribution.
#pragma once

#include "ir/Tensor.h"

#include <limits>
#include <vector>

namespace edgecc {

// The bounds that an activation holds values to.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// Of each channel along `axis` over all tensors that were added.
class ChannelMeans {
public:
  explicit ChannelMeans(Bounds bounds = {}) : bounds_(bounds) {}

  void add(const Tensor &tensor, unsigned axis); // f32
  // Of the values held to the bounds; empty if nothing was added.
  std::vector<double> means() const { return shares(sums_); }
  // Share of the values between the bounds, those excluded.
  std::vector<double> inside() const { return shares(inside_); }

private:
  std::vector<double> shares(std::vector<double> sums) const;

  Bounds bounds_;
  std::vector<double> sums_, inside_;
  uint64_t count_ = 0; // elements of each channel
};

// E[min(max(z, low), high)] of a normal z (Nagel et al. 2019, appendix C); low and high may be
// infinite. With a = (low - mean) / deviation, b likewise of high:
//   low P(a) + high (1 - P(b)) + mean (P(b) - P(a)) + deviation (p(a) - p(b)),
// P the distribution function of the standard normal, p its density.
double clippedNormalMean(double mean, double deviation, double low, double high);

} // namespace edgecc
