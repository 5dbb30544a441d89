// How far a result is from what was expected.
#pragma once

#include "ir/Tensor.h"

namespace edgecc::driver {

struct Comparison {
  bool sameType = false;        // element type and extents agree; all else is 0 if not
  double maxAbsolute = 0;       // largest |actual - expected|
  double maxRelativeToPeak = 0; // the same over the largest |expected|
  double cosine = 1;            // of the angle between the two as vectors
  int64_t outside = 0;          // elements with |actual - expected| > atol + rtol * |expected|
  int64_t nonFinite = 0;        // elements where one is NaN or infinite and the other is not equal

  bool passed() const { return sameType && outside == 0; }
};

Comparison compare(const Tensor &actual, const Tensor &expected, double rtol, double atol);

} // namespace edgecc::driver
