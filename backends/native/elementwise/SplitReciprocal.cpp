#include "backends/native/elementwise/SplitReciprocal.h"

#include <cmath>
#include <limits>

namespace edgecc::native {

std::optional<SplitReciprocal> splitReciprocal(float divisor, int64_t lowest, int64_t highest) {
  // No product here underflows where it decides a step, and none of x below the bound overflows.
  if (!(divisor >= 0x1p-90f && divisor <= 0x1p90f))
    return std::nullopt;
  double exact = 1 / static_cast<double>(divisor);
  auto high = static_cast<float>(exact);
  SplitReciprocal out{high, static_cast<float>(exact - static_cast<double>(high))};
  constexpr int kAround = 4; // floats on either side of a step
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int64_t step = lowest + 1; step <= highest; ++step) {
    // The least x that rounds to `step` or more.
    auto x = static_cast<float>((static_cast<double>(step) - 0.5) * static_cast<double>(divisor));
    for (int i = 0; i < kAround; ++i)
      x = std::nextafter(x, -kInfinity);
    for (int i = -kAround; i <= kAround; ++i, x = std::nextafter(x, kInfinity)) {
      bool reached = std::nearbyint(x / divisor) >= static_cast<float>(step);
      float quotient = std::fma(x, out.high, x * out.low);
      if (reached != (std::nearbyint(quotient) >= static_cast<float>(step)) ||
          (i == -kAround && reached) || (i == kAround && !reached))
        return std::nullopt;
    }
  }
  return out;
}

} // namespace edgecc::native
