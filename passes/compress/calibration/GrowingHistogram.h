// Histograms of streams: the range grows as values come, and no count is ever approximate.
#pragma once

#include "passes/compress/calibration/Calibration.h"

#include <span>

namespace edgecc {

// Bins are [a 2^k, (a+1) 2^k) for integers a. When a value falls outside the window of `bins` such
// bins, k grows and bins are merged in pairs, which moves no edge. The result is that of two passes
// over all values: the least k for which zero and all values fit, whatever the order they came in.
class GrowingHistogram {
public:
  explicit GrowingHistogram(unsigned bins) : counts_(bins), recent_(bins) {}

  // Widens the window so that it holds zero and [low, high]. Both are finite.
  void cover(float low, float high);

  // Counts values, which must lie in what is covered.
  void add(std::span<const float> values);
  // Row-major rows of one value for each histogram.
  static void addRows(std::span<GrowingHistogram> histograms, std::span<const float> values);

  // From the bin of the least value (or zero) to that of the largest.
  Histogram histogram() const;

private:
  void addLarge(std::span<const float> values);
  void expect(uint64_t values); // before so many are counted in recent_
  void flush();

  // Bins below 2^-100 would hold denormals only, whose reciprocals overflow.
  static constexpr int kLeastExponent = -100;
  int exponent_ = kLeastExponent; // k
  float inverse_ = 0x1p100f;      // 2^-k
  int32_t first_ = 0;             // a of counts_[0]
  float low_ = 0, high_ = 0;      // covered
  std::vector<uint64_t> counts_;
  std::vector<uint32_t> recent_; // not yet in counts_: half the cache
  uint64_t pending_ = 0;         // at least the sum of recent_
};

} // namespace edgecc
