// Intervals of means of few samples.
#pragma once

#include <span>

namespace edgecc::bench {

double mean(std::span<const double> values); // NaN of none
double median(std::span<const double> values);

struct Interval {
  double low = 0, high = 0;
};

// The 95 % interval of the mean of paired differences: percentile bootstrap (Efron, 1979) with
// 10000 resamples from a generator of fixed seed.
Interval bootstrap(std::span<const double> differences);

} // namespace edgecc::bench
