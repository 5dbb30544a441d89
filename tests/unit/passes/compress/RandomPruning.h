// Random choices of channels, and the network that computes the same without removing them.
#pragma once

#include "passes/compress/pruning/DependencyGroups.h"

#include <cmath>
#include <random>
#include <set>

namespace edgecc::test {

// Each channel of each group with the given probability, as long as every axis keeps one.
struct RandomSelection {
  std::vector<pruning::ChannelSelection> selections;

  RandomSelection(const pruning::DependencyGroups &found, double share, uint32_t seed) {
    std::mt19937 random(seed);
    std::map<std::pair<const Value *, unsigned>, int64_t> taken;
    for (const pruning::DependencyGroup &group : found.groups) {
      selections.push_back({&group, {}});
      for (size_t c = 0; c < group.channels.size(); ++c) {
        bool wanted = static_cast<double>(random()) < share * 4294967296.0;
        for (size_t a = 0; wanted && a < group.axes.size(); ++a) {
          const auto &[value, axis] = group.axes[a];
          auto size = static_cast<int64_t>(group.channels[c][a].size());
          wanted = taken[{value, axis}] + size < value->dims()[axis];
        }
        if (!wanted)
          continue;
        for (size_t a = 0; a < group.axes.size(); ++a)
          taken[{group.axes[a].value, group.axes[a].axis}] +=
              static_cast<int64_t>(group.channels[c][a].size());
        selections.back().channels.push_back(c);
      }
    }
  }
};

// Sets what would be removed from the parameters to zero, in a copy of the module with the groups.
inline void zeroSlices(Module &copy, const std::vector<pruning::ChannelSelection> &selections) {
  for (const auto &[group, channels] : selections)
    for (size_t a = 0; a < group->axes.size(); ++a) {
      const auto &[value, axis] = group->axes[a];
      if (!constantOf(value))
        continue;
      std::set<int64_t> gone;
      for (size_t c : channels)
        gone.insert(group->channels[c][a].begin(), group->channels[c][a].end());
      Tensor &content = copy.findParameter(value->definingOp()->parameter->name)->content;
      int64_t inner = 1;
      for (unsigned i = axis + 1; i < content.rank(); ++i)
        inner *= content.dims()[i];
      for (int64_t i = 0; i < content.elements(); ++i)
        if (gone.contains(i / inner % content.dims()[axis]))
          content.setDouble(i, 0);
    }
}

// Relative to the largest magnitude of `wanted`.
inline double largestDifference(const Tensor &got, const Tensor &wanted) {
  if (got.dims() != wanted.dims())
    return INFINITY;
  double scale = 1e-3, worst = 0;
  for (int64_t i = 0; i < got.elements(); ++i) {
    double a = got.asDouble(i), b = wanted.asDouble(i);
    scale = std::max(scale, std::abs(b));
    if (a != b && !(std::isnan(a) && std::isnan(b)))
      worst = std::max(worst, std::isnan(a - b) ? INFINITY : std::abs(a - b));
  }
  return worst / scale;
}

} // namespace edgecc::test
