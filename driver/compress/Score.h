// How much a compressed model loses.
#pragma once

#include "ir/DataSource.h"
#include "ir/Executor.h"
#include "ir/Metric.h"

#include <functional>

namespace edgecc::driver {

struct Score {
  std::string metric;
  double original = 0, compressed = 0; // means over the samples, in the metric's points
  size_t samples = 0;

  double loss() const { return original - compressed; }
};

// Runs both models on all samples. `progress` may be empty.
Expected<Score> score(const Function &original, const Function &compressed, Executor &executor,
                      DataSource &data, const Metric &metric,
                      const std::function<void(size_t done, size_t total)> &progress);

} // namespace edgecc::driver
