// Division by a known number followed by rounding to a small integer, by two multiplications.
#pragma once

#include <cstdint>
#include <optional>

namespace edgecc::native {

// 1 / divisor as the sum of an f32 and what it lacks:
//   q = fma(x, high, x * low)
// has a relative error of little more than half a unit, but is not always the rounded quotient.
struct SplitReciprocal {
  float high, low;
};

// The reciprocal if it is proved that
//   clamp(rne(fma(x, high, x * low)), lowest, highest) == clamp(rne(x / divisor), lowest, highest)
// for every finite x and the quotients above 32768 stay above it; nothing otherwise. Both sides
// rise with x, so that it suffices to compare them around each of their steps.
std::optional<SplitReciprocal> splitReciprocal(float divisor, int64_t lowest, int64_t highest);

} // namespace edgecc::native
