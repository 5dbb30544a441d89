// Watches one value over many samples and keeps what ranges are chosen from.
#pragma once

#include "passes/compress/calibration/ChannelStatistics.h"
#include "passes/compress/calibration/GrowingHistogram.h"

namespace edgecc {

struct ObserverOptions {
  bool perChannel = false; // ranges and histograms of each channel
  bool histograms = false;
  unsigned bins = 2048;
};

// Memory does not depend on the number of samples: 8 bytes for each bin and some 80 for each
// channel.
class Observer {
public:
  // `axis` is the channels' (-1: the value has one channel), `channels` their number.
  Observer(int axis, size_t channels, const ObserverOptions &options);

  // Adds a sample's elements. False, and nothing is added, if one is NaN or infinite.
  [[nodiscard]] bool add(std::span<const float> values, const ChannelShape &shape);

  Observation observation() const;

private:
  void addRanges(const ChannelStatistics &sample);
  void addCounts(std::span<const float> values, const ChannelShape &shape,
                 const ChannelStatistics &sample);

  int axis_;
  ObserverOptions options_;
  std::vector<Range> seen_, averaged_; // as in Observation
  std::vector<GrowingHistogram> histograms_;
  std::vector<double> sum_, squares_; // of each channel
  uint64_t elements_ = 0;             // in each channel
  uint64_t samples_ = 0;
};

// What a constant's elements are: for the ranges of weights. `axis` -1: per tensor. The elements
// must be finite.
Observation observe(const Tensor &tensor, int axis, const ObserverOptions &options);

} // namespace edgecc
