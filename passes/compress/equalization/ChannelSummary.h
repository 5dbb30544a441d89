// What the channels of a network's values look like on calibration data.
#pragma once

#include "passes/Pass.h"

#include <algorithm>
#include <span>

namespace edgecc {

struct ChannelSummary {
  double low = 0, high = 0, mean = 0, deviation = 0;
  double peak() const { return std::max(-low, high); }
};

struct ChannelsOf {
  const Value *value; // of the main function's body, floating-point
  unsigned axis;
};

// Runs the module's main function on the first `samples` calibration samples (all if there are
// fewer) and returns one entry for each channel of each value. Needs the context's executor and
// data. Memory: the values of one sample, which the executor holds, and five numbers for each
// channel.
Expected<std::vector<std::vector<ChannelSummary>>>
summarizeChannels(const Module &module, PassContext &context, std::span<const ChannelsOf> values,
                  int64_t samples);

} // namespace edgecc
