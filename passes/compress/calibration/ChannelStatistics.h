// Least and largest value, sum and sum of squares of each channel: the inner loops of calibration.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace edgecc {

// How a row-major tensor's elements belong to channels: element ((o * channels) + c) * inner + i.
struct ChannelShape {
  int64_t outer = 1, channels = 1, inner = 1;
};

// Of one tensor, one entry for each channel.
struct ChannelStatistics {
  std::vector<float> low, high; // +inf and -inf without elements
  std::vector<double> sum, squares;
  bool finite = true; // no NaN and no infinity among the elements
};

// Sums in f32 run over at most 64 terms before they are added up in f64. Deterministic.
ChannelStatistics channelStatistics(std::span<const float> values, const ChannelShape &shape);

} // namespace edgecc
