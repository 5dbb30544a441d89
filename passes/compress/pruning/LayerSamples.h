// Rows of layers' inputs and outputs at chosen places of calibration samples: all that least
// squares on a layer needs.
#pragma once

#include "ir/DataSource.h"
#include "ir/Executor.h"
#include "passes/compress/pruning/LinearRows.h"

#include <cmath>

namespace edgecc::pruning {

// A data source that keeps its samples as long as they fit, since every layer runs over them again.
class CachedSamples {
public:
  CachedSamples(DataSource &data, size_t limit, size_t bytes = size_t{256} << 20);
  size_t size() const { return picked_.size(); }
  // Keeps every fifth sample apart from those that weights are fitted on, to check the result, if
  // there are at least ten.
  void holdOut() { holdsOut_ = size() >= 10; }
  bool isHeldOut(size_t i) const { return holdsOut_ && i % 5 == 2; }
  std::vector<size_t> fitted() const;  // those that are not held out
  std::vector<size_t> checked() const; // the held out ones, or all if none are
  Expected<std::vector<Tensor>> get(size_t i);

private:
  DataSource &data_;
  std::vector<size_t> picked_; // spread evenly over the source
  std::vector<std::vector<Tensor>> cache_;
  size_t bytes_;
  bool holdsOut_ = false;
};

// Some of them, as a data source of their own.
class SomeSamples : public DataSource {
public:
  SomeSamples(CachedSamples &samples, std::vector<size_t> picked)
      : samples_(samples), picked_(std::move(picked)) {}
  size_t size() const override { return picked_.size(); }
  Expected<std::vector<Tensor>> sample(size_t i) override { return samples_.get(picked_[i]); }

private:
  CachedSamples &samples_;
  std::vector<size_t> picked_;
};

// `count` of `places`, the same for the same sample and layer.
std::vector<int64_t> choosePlaces(int64_t places, int64_t count, size_t sample, size_t layer);

// What a layer's result becomes part of before anything non-linear happens: y + skips -> clamp.
struct Join {
  Value *sum = nullptr;       // the layer's output, or the last Add that it alone feeds
  std::vector<Value *> skips; // what the Adds add to it
  // The clamp that alone reads the sum: values beyond are alike.
  double low = -INFINITY, high = INFINITY;
};

// Follows the Adds whose other operand is computed before `layer`'s op runs.
Join joinOf(const LinearRows &layer, const std::map<const Op *, size_t> &order);

// Positions of the ops in the function's body.
std::map<const Op *, size_t> orderOf(const Function &function);

} // namespace edgecc::pruning
