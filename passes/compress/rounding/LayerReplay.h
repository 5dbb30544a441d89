// Runs a network on calibration samples up to one layer after the other, while a pass changes the
// layers in order.
#pragma once

#include "ir/DataSource.h"
#include "ir/Executor.h"

namespace edgecc {

struct ReplayLimits {
  size_t samples = 256;
  size_t bytes = size_t{512} << 20; // of the values kept between two layers, over all samples
};

// Keeps, for each sample, the values that later ops read from earlier ones: quantised values as
// their integers. Where they exceed the limit, a later run starts again from where they were kept
// last, in the worst case from the inputs. Values that are constant are computed anew. The
// function's activations must outlive this; weights may change between runs. Not thread-safe.
class LayerReplay {
public:
  // The samples are spread evenly over the data.
  LayerReplay(const Function &function, Executor &executor, DataSource &data, ReplayLimits limits);

  size_t samples() const { return samples_; }

  // Computes `values` of the function's body for each sample in order. No later run
  // may ask for values in front of `cut` that no op from there on reads: what is in front of it
  // must not change any more.
  using Visitor = std::function<void(size_t sample, std::span<const Tensor> values)>;
  Expected<void> run(std::span<const Value *const> values, const Op &cut, const Visitor &visit);

private:
  Expected<std::vector<Tensor>> inputsOf(size_t sample);
  std::vector<const Value *> liveAt(const Op &cut) const;

  const Function &function_;
  Executor &executor_;
  DataSource &data_;
  size_t samples_, limit_;
  bool atStart_ = true;
  std::vector<const Value *> kept_;         // the function's arguments at the start
  std::vector<std::vector<Tensor>> stored_; // of each sample; empty at the start
};

} // namespace edgecc
