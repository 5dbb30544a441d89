// How much noise int8 adds to the layers that read scaled channels, as a closed form of the
// factors: what equalisation on activations minimises.
#pragma once

#include "passes/channels/ChannelClasses.h"
#include "passes/compress/equalization/ChannelSummary.h"

namespace edgecc {

// One layer that reads channels of which some are free. Its activations have one scale for the
// tensor, its weights one for each row. With factors s, steps da = (max h/s - min l/s) / 255 and
// dw[m] = max |w[m]| s / 127, and errors that are uniform and independent (of variance step^2 /
// 12), the noise in row m is
//   da^2 / 12 sum_i,k (w[m,i,k] s_i)^2  +  dw[m]^2 / 12 sum_i,k (x_i / s_i)^2
class ReadingLayer {
public:
  // `columns`: the class of each column; `seen`: what its values look like unscaled.
  ReadingLayer(const LinearLayer &layer, std::vector<uint32_t> columns,
               std::vector<ChannelSummary> seen);

  // Noise power relative to the power of the layer's result, over all rows, for one factor for each
  // class.
  double noise(const std::vector<double> &scales) const;

  const std::vector<uint32_t> &columns() const { return columns_; }
  const std::vector<ChannelSummary> &seen() const { return seen_; }

private:
  LinearLayer shape_; // with a kernel of one
  double taps_;
  std::vector<float> largest_, squares_; // of |w| over the kernel's taps
  std::vector<uint32_t> columns_;
  std::vector<ChannelSummary> seen_;
};

// One factor for each class, from 1 / limit to limit: for each set of channels that are read
// together, of the factors s_i = a_i^p / r_i^q (a_i: largest activation, r_i: largest weight that
// reads it; Xiao et al. 2023, "SmoothQuant") those with the least noise, if that is at least 20 %
// less than without factors.
std::vector<double> leastNoise(const ChannelClasses &classes,
                               const std::vector<ReadingLayer> &layers,
                               const std::vector<double> &weightRanges, double limit);

} // namespace edgecc
