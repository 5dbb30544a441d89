// Every n-th sample of a source.
#pragma once

#include "ir/DataSource.h"

namespace edgecc::driver {

// Samples first, first + step, first + 2 step...; the source must outlive it.
class SteppedSource : public DataSource {
public:
  SteppedSource(DataSource &source, size_t first, size_t step)
      : source_(source), first_(first), step_(step) {}

  size_t size() const override {
    return source_.size() > first_ ? (source_.size() - first_ + step_ - 1) / step_ : 0;
  }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return source_.sample(first_ + index * step_);
  }

private:
  DataSource &source_;
  size_t first_, step_;
};

} // namespace edgecc::driver
