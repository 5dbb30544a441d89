// Which channels to remove to reach a budget.
#pragma once

#include "passes/compress/pruning/Budget.h"
#include "passes/compress/pruning/Scores.h"

namespace edgecc::pruning {

struct SelectOptions {
  bool perLayer = false;   // the same share of every group instead of the least loss for the gain
  int64_t align = 1;       // channel counts that were at least this stay multiples of it
  int64_t minChannels = 1; // that stay in every group
  double maxRatio = 0.9;   // of a group's original channels at most
};

// Takes channels from `budget` until its cost is at most `goal` or nothing more can be taken.
// `original[g]`: how many channels group g had before any pruning.
std::vector<ChannelSelection> selectChannels(Budget &budget,
                                             std::span<const DependencyGroup> groups,
                                             std::span<const Curve> curves,
                                             std::span<const int64_t> original, double goal,
                                             const SelectOptions &options);

} // namespace edgecc::pruning
