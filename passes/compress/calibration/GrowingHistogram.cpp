#include "passes/compress/calibration/GrowingHistogram.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace edgecc {

namespace {

int64_t binAt(float value, int exponent) {
  return static_cast<int64_t>(std::floor(std::ldexp(double{value}, -exponent)));
}

} // namespace

void GrowingHistogram::cover(float low, float high) {
  assert(std::isfinite(low) && std::isfinite(high));
  if (low >= low_ && high <= high_)
    return;
  low_ = std::min(low, low_);
  high_ = std::max(high, high_);
  auto bins = static_cast<int64_t>(counts_.size());
  int exponent = exponent_;
  // The cast in binAt() needs numbers below 2^63.
  exponent = std::max(exponent, std::ilogb(std::max(high_, -low_)) - 40);
  while (binAt(high_, exponent) - binAt(low_, exponent) >= bins)
    ++exponent;
  auto first = static_cast<int32_t>(binAt(low_, exponent));
  if (exponent == exponent_ && first == first_)
    return;
  flush();
  std::vector<uint64_t> counts(counts_.size());
  int shift = std::min(exponent - exponent_, 31);
  for (size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i]) // others may fall outside the new window
      counts[static_cast<size_t>(((first_ + static_cast<int32_t>(i)) >> shift) - first)] +=
          counts_[i];
  counts_ = std::move(counts);
  exponent_ = exponent;
  first_ = first;
  inverse_ = std::ldexp(1.0F, -exponent);
}

void GrowingHistogram::add(std::span<const float> values) {
  // Clearing and adding up the partial counts below pays for long runs only.
  if (values.size() < 2 * counts_.size()) {
    expect(values.size());
    for (float value : values)
      ++recent_[static_cast<size_t>(binOf(value, inverse_) - first_)];
    return;
  }
  constexpr size_t kLongest = size_t{1} << 24; // counts in 32 bits
  for (size_t begin = 0; begin < values.size(); begin += kLongest)
    addLarge(values.subspan(begin, std::min(kLongest, values.size() - begin)));
}

// Activations have long runs of equal values (zeros behind a Relu): neighbours count in different
// arrays, so that an increment need not wait for the one before it.
void GrowingHistogram::addLarge(std::span<const float> values) {
  constexpr size_t kBlock = 256, kWays = 4;
  size_t bins = counts_.size();
  std::vector<uint32_t> partial(kWays * bins);
  uint32_t *ways[kWays];
  for (size_t way = 0; way < kWays; ++way)
    ways[way] = partial.data() + way * bins;
  std::array<int32_t, kBlock> index;
  size_t at = 0;
  for (; at + kBlock <= values.size(); at += kBlock) {
    const float *block = values.data() + at;
    for (size_t i = 0; i < kBlock; ++i)
      index[i] = binOf(block[i], inverse_) - first_;
    for (size_t i = 0; i < kBlock; i += kWays)
      for (size_t way = 0; way < kWays; ++way)
        ++ways[way][index[i + way]];
  }
  for (; at < values.size(); ++at)
    ++ways[0][binOf(values[at], inverse_) - first_];
  for (size_t i = 0; i < bins; ++i)
    for (size_t way = 0; way < kWays; ++way)
      counts_[i] += ways[way][i];
}

void GrowingHistogram::expect(uint64_t values) {
  if (pending_ + values > UINT32_MAX)
    flush();
  pending_ += values;
}

void GrowingHistogram::flush() {
  for (size_t i = 0; i < counts_.size(); ++i)
    counts_[i] += recent_[i];
  std::ranges::fill(recent_, 0);
  pending_ = 0;
}

// A few histograms at a time over all rows: their counts stay in the cache.
void GrowingHistogram::addRows(std::span<GrowingHistogram> histograms,
                               std::span<const float> values) {
  constexpr size_t kBlock = 8;
  size_t columns = histograms.size();
  assert(values.size() / columns <= UINT32_MAX);
  for (size_t begin = 0; begin < columns; begin += kBlock) {
    size_t width = std::min(kBlock, columns - begin);
    std::array<float, kBlock> inverse{};
    std::array<int32_t, kBlock> first{}, index;
    std::array<uint32_t *, kBlock> counts;
    for (size_t i = 0; i < width; ++i) {
      GrowingHistogram &histogram = histograms[begin + i];
      inverse[i] = histogram.inverse_;
      first[i] = histogram.first_;
      counts[i] = histogram.recent_.data();
      histogram.expect(values.size() / columns);
    }
    if (width < kBlock) {
      for (size_t at = begin; at < values.size(); at += columns)
        for (size_t i = 0; i < width; ++i)
          ++counts[i][binOf(values[at + i], inverse[i]) - first[i]];
      continue;
    }
    for (size_t at = begin; at < values.size(); at += columns) {
      for (size_t i = 0; i < kBlock; ++i)
        index[i] = binOf(values[at + i], inverse[i]) - first[i];
      for (size_t i = 0; i < kBlock; ++i)
        ++counts[i][index[i]];
    }
  }
}

Histogram GrowingHistogram::histogram() const {
  int64_t low = binAt(low_, exponent_), high = binAt(high_, exponent_);
  auto begin = static_cast<size_t>(low - first_), size = static_cast<size_t>(high - low + 1);
  Histogram out;
  out.range = {std::ldexp(static_cast<double>(low), exponent_),
               std::ldexp(static_cast<double>(high + 1), exponent_)};
  for (size_t i = begin; i < begin + size; ++i)
    out.counts.push_back(counts_[i] + recent_[i]);
  return out;
}

} // namespace edgecc
