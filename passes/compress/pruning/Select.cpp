#include "passes/compress/pruning/Select.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace edgecc::pruning {

namespace {

struct State {
  const DependencyGroup *group;
  const Curve *curve;
  int64_t taken = 0;
  int64_t limit = 0; // channels that may be taken
  int64_t step = 1;  // channels that go at once
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

class Selector {
public:
  Selector(Budget &budget, std::vector<State> states, const SelectOptions &options)
      : budget_(budget), states_(std::move(states)), options_(options) {}

  void run(double goal) {
    while (budget_.cost() > goal) {
      auto step = cheapest(kNone);
      if (!step)
        return;
      take(*step);
      if (budget_.cost() > goal || options_.perLayer)
        continue;
      // A step of a large group may remove much more than was asked for: what else reaches the goal
      // may lose less, though more for each unit.
      giveBack(*step);
      if (!finishWithout(*step, goal))
        take(*step);
    }
  }

  const std::vector<State> &states() const { return states_; }

private:
  static constexpr size_t kNone = ~size_t{0};
  struct Step {
    size_t state;
    std::span<const size_t> channels;
    double loss = 0;
    double ratio = 0; // loss for each unit of cost; for `perLayer` the share that is gone
  };

  void take(const Step &step) {
    for (size_t channel : step.channels)
      budget_.take(*states_[step.state].group, channel);
    states_[step.state].taken += static_cast<int64_t>(step.channels.size());
  }

  void giveBack(const Step &step) {
    for (size_t channel : step.channels)
      budget_.giveBack(*states_[step.state].group, channel);
    states_[step.state].taken -= static_cast<int64_t>(step.channels.size());
  }

  // Of all groups but one.
  std::optional<Step> cheapest(size_t without) {
    std::optional<Step> best;
    double pressure = budget_.pressure();
    for (size_t s = 0; s < states_.size(); ++s) {
      const State &state = states_[s];
      Step step{s, next(state)};
      if (s == without || step.channels.empty() || !budget_.canTake(*state.group, step.channels))
        continue;
      auto from = static_cast<size_t>(state.taken);
      if (options_.perLayer) {
        step.ratio = static_cast<double>(from) / static_cast<double>(state.group->channels.size());
      } else {
        for (size_t i = 0; i < step.channels.size(); ++i)
          step.loss += state.curve->loss[from + i];
        take(step);
        double gain = pressure - budget_.pressure();
        giveBack(step);
        if (gain <= 0)
          continue;
        step.ratio = step.loss / gain;
      }
      if (!best || step.ratio < best->ratio)
        best = step;
    }
    return best;
  }

  // Reaches the goal by other groups than the step's, if they lose less; else changes nothing.
  bool finishWithout(const Step &step, double goal) {
    std::vector<Step> taken;
    double loss = 0;
    while (budget_.cost() > goal) {
      auto other = cheapest(step.state);
      loss += other ? other->loss : INFINITY;
      if (loss >= step.loss) {
        for (; !taken.empty(); taken.pop_back())
          giveBack(taken.back());
        return false;
      }
      take(*other);
      taken.push_back(*other);
    }
    return true;
  }

  Budget &budget_;
  std::vector<State> states_;
  const SelectOptions &options_;
};

} // namespace

std::vector<ChannelSelection> selectChannels(Budget &budget,
                                             std::span<const DependencyGroup> groups,
                                             std::span<const Curve> curves,
                                             std::span<const int64_t> original, double goal,
                                             const SelectOptions &options) {
  std::vector<State> states;
  for (size_t g = 0; g < groups.size(); ++g)
    states.push_back(stateOf(groups[g], curves[g], original[g], options));
  Selector selector(budget, std::move(states), options);
  selector.run(goal);
  std::vector<ChannelSelection> selections;
  for (const State &state : selector.states())
    if (state.taken > 0)
      selections.push_back(
          {state.group, {state.curve->order.begin(), state.curve->order.begin() + state.taken}});
  return selections;
}

} // namespace edgecc::pruning
