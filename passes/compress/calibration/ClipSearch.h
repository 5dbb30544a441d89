// Ranges that are chosen from a histogram.
#pragma once

#include "passes/compress/calibration/Calibration.h"

namespace edgecc {

// All of these return a range inside `seen`, which contains 0, or for `symmetric` one of the form
// [-x, x] with x at most its largest magnitude. The histogram has counts.

// Between the quantiles 1 - p and p, p = percentile / 100; symmetric: the quantile p of |x|.
Range percentileRange(const Histogram &histogram, Range seen, double percentile, bool symmetric);

// The least mean squared error of clamp(round(x / s), ...) * s, with values spread evenly within
// each bin.
Range leastSquaresRange(const Histogram &histogram, Range seen, unsigned bits, bool symmetric);

// Clips |x| where the quantised distribution tells the most of the original one: least
// Kullback-Leibler divergence (S. Migacz, 8-bit inference with TensorRT, GTC 2017).
Range entropyRange(const Histogram &histogram, Range seen, unsigned bits, bool symmetric);

// The expected squared error that leastSquaresRange() minimises, summed over all values. The grid
// has a point at zero and 2^bits points (symmetric: 2^bits - 1).
double quantizationError(const Histogram &histogram, Range range, unsigned bits, bool symmetric);

} // namespace edgecc
