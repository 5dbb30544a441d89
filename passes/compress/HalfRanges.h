// Which values f16 does not hold: too large, or small ones that must not become zero.
#pragma once

#include "passes/Pass.h"

namespace edgecc {

inline constexpr double kLargestF16 = 65504;     // beyond it: infinite
inline constexpr double kVanishingF16 = 0x1p-25; // at most this: rounds to 0 (half of the least)

// Whether a constant other than 0 becomes 0 in f16 or exceeds its range.
bool losesInHalf(double value);

// Whether zero in the op's operand makes its result infinite: logarithms, divisors.
bool isSingularAtZero(const Op &op, unsigned operand);

struct OutOfHalf {
  double most = 0;  // largest magnitude that was seen
  double least = 0; // smallest one that is not 0
};

// Runs the function on the samples of `context.compression` or, without any, on a few inputs in
// [-1, 1] (bytes in [0, 255]) and returns the values that leave f16. `fromSamples` says which.
// Empty where nothing can be run; the reason becomes a note.
Expected<std::map<const Value *, OutOfHalf>>
valuesOutOfHalf(const Function &function, PassContext &context, bool &fromSamples);

} // namespace edgecc
