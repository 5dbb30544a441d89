// A metric for every n-th sample of a source.
#pragma once

#include "ir/Metric.h"

namespace edgecc::driver {

// Judges sample i of a SteppedSource(source, first, step) by what `metric` knows of the sample of
// the source that it is. `metric` must outlive it.
class SteppedMetric : public Metric {
public:
  SteppedMetric(const Metric &metric, size_t first, size_t step)
      : metric_(metric), first_(first), step_(step) {}

  std::string name() const override { return metric_.name(); }
  double score(size_t sample, std::span<const Tensor> reference,
               std::span<const Tensor> outputs) const override {
    return metric_.score(first_ + sample * step_, reference, outputs);
  }

private:
  const Metric &metric_;
  size_t first_, step_;
};

} // namespace edgecc::driver
