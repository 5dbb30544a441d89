#include "passes/compress/pruning/Select.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgecc::pruning {

namespace {

struct State {
  const DependencyGroup *group;
  const Curve *curve;
  int64_t taken = 0;
  int64_t limit = 0; // channels that may be taken
  int64_t step = 1;  // channels that go at once
  double ratio = 0;  // loss for each unit of cost of the next step
};

std::span<const size_t> next(const State &state) {
  auto size = static_cast<int64_t>(state.group->channels.size());
  int64_t left = size - state.taken, count = left % state.step;
  count = count ? count : state.step;
  if (state.taken + count > state.limit)
    return {};
  return std::span(state.curve->order)
      .subspan(static_cast<size_t>(state.taken), static_cast<size_t>(count));
}

State stateOf(const DependencyGroup &group, const Curve &curve, int64_t original,
              const SelectOptions &options) {
  State state{&group, &curve};
  auto size = static_cast<int64_t>(group.channels.size());
  auto keep = std::max(options.minChannels,
                       static_cast<int64_t>(std::ceil(
                           (1 - options.maxRatio) * static_cast<double>(original) - 1e-9)));
  state.limit = std::max<int64_t>(size - keep, 0);
  size_t slices = 1;
  for (size_t a = 0; a < group.axes.size(); ++a)
    if (!constantOf(group.axes[a].value))
      slices = std::max(slices, group.channels[0][a].size());
  state.step = options.align / std::gcd(options.align, static_cast<int64_t>(slices));
  return state;
}

} // namespace

std::vector<ChannelSelection> selectChannels(Budget &budget,
                                             std::span<const DependencyGroup> groups,
                                             std::span<const Curve> curves,
                                             std::span<const int64_t> original, double goal,
                                             const SelectOptions &options) {
  std::vector<State> states;
  for (size_t g = 0; g < groups.size(); ++g)
    states.push_back(stateOf(groups[g], curves[g], original[g], options));
  while (budget.cost() > goal) {
    State *best = nullptr;
    double pressure = budget.pressure();
    for (State &state : states) {
      auto channels = next(state);
      if (channels.empty() || !budget.canTake(*state.group, channels))
        continue;
      if (options.perLayer) {
        state.ratio =
            static_cast<double>(state.taken) / static_cast<double>(state.group->channels.size());
      } else {
        for (size_t channel : channels)
          budget.take(*state.group, channel);
        double gain = pressure - budget.pressure(), loss = 0;
        for (size_t channel : channels)
          budget.giveBack(*state.group, channel);
        for (size_t i = 0; i < channels.size(); ++i)
          loss += state.curve->loss[static_cast<size_t>(state.taken) + i];
        if (gain <= 0)
          continue;
        state.ratio = loss / gain;
      }
      if (!best || state.ratio < best->ratio)
        best = &state;
    }
    if (!best)
      break;
    auto channels = next(*best);
    for (size_t channel : channels)
      budget.take(*best->group, channel);
    best->taken += static_cast<int64_t>(channels.size());
  }
  std::vector<ChannelSelection> selections;
  for (const State &state : states)
    if (state.taken > 0)
      selections.push_back(
          {state.group, {state.curve->order.begin(), state.curve->order.begin() + state.taken}});
  return selections;
}

} // namespace edgecc::pruning
