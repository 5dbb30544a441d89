// Random numbers that are the same with every library.
#pragma once

#include <cmath>
#include <random>

namespace edgecc::bench {

class Random {
public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  double uniform() { return (engine_() + 0.5) * 0x1p-32; } // of (0, 1)

  // Box and Muller's transform (1958).
  double normal() {
    double u = uniform(), v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
  }

  // Of a Poisson distribution: by its definition for small means, else by its normal limit.
  double poisson(double mean) {
    if (mean > 64)
      return std::max(0.0, std::round(mean + std::sqrt(mean) * normal()));
    double product = uniform(), bound = std::exp(-mean);
    int count = 0;
    for (; product > bound; ++count)
      product *= uniform();
    return count;
  }

private:
  std::mt19937 engine_;
};

} // namespace edgecc::bench
