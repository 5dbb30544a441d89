// Means of channels: over data, and of a clipped normal distribution.
#pragma once

#include "ir/Tensor.h"

#include <vector>

namespace edgecc {

// The mean of each channel along `axis` over all tensors that were added.
class ChannelMeans {
public:
  void add(const Tensor &tensor, unsigned axis); // f32
  std::vector<double> means() const;             // empty if nothing was added

private:
  std::vector<double> sums_;
  uint64_t count_ = 0; // elements of each channel
};

// E[min(max(z, low), high)] of a normal z (Nagel et al. 2019, appendix C); low and high may be
// infinite. With a = (low - mean) / deviation, b likewise of high:
//   low P(a) + high (1 - P(b)) + mean (P(b) - P(a)) + deviation (p(a) - p(b)),
// P the distribution function of the standard normal, p its density.
double clippedNormalMean(double mean, double deviation, double low, double high);

} // namespace edgecc
