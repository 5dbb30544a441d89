#include "passes/compress/calibration/GrowingHistogram.h"

#include "passes/compress/calibration/Wide.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace edgecc {

namespace {

int64_t binAt(float value, int exponent) {
  return static_cast<int64_t>(std::floor(std::ldexp(double{value}, -exponent)));
}

// Bins of values in a window that begins at `first`.
int32_t binOf(float value, float inverse, int32_t first) {
  float scaled = value * inverse;
  auto bin = static_cast<int32_t>(scaled); // towards zero
  return bin - (static_cast<float>(bin) > scaled ? 1 : 0) - first;
}

EDGECC_WIDE void binsOf(const float *values, size_t count, float inverse, int32_t first,
                        int32_t *out) {
  for (size_t i = 0; i < count; ++i)
    out[i] = binOf(values[i], inverse, first);
}

// The same with a window for each column.
EDGECC_WIDE void binsOfRows(const float *values, size_t rows, size_t columns, const float *inverse,
                            const int32_t *first, int32_t *out) {
  for (size_t row = 0; row < rows; ++row, values += columns, out += columns)
    for (size_t i = 0; i < columns; ++i)
      out[i] = binOf(values[i], inverse[i], first[i]);
}

constexpr size_t kTogether = 8;

void countColumns(std::span<uint32_t *const> counts, size_t rows, const int32_t *bins,
                  size_t stride) {
  if (counts.size() < kTogether) {
    for (size_t row = 0; row < rows; ++row, bins += stride)
      for (size_t i = 0; i < counts.size(); ++i)
        ++counts[i][bins[i]];
    return;
  }
  std::array<uint32_t *, kTogether> local;
  std::ranges::copy(counts, local.begin());
  for (size_t row = 0; row < rows; ++row, bins += stride)
    for (size_t i = 0; i < kTogether; ++i)
      ++local[i][bins[i]];
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
      ++recent_[static_cast<size_t>(binOf(value, inverse_, first_))];
    return;
  }
  constexpr size_t kLongest = size_t{1} << 24; // counts in 32 bits
  for (size_t begin = 0; begin < values.size(); begin += kLongest)
    addLarge(values.subspan(begin, std::min(kLongest, values.size() - begin)));
}

// Activations have long runs of equal values (zeros behind a Relu): neighbours count in different
// arrays, so that an increment need not wait for the one before it.
void GrowingHistogram::addLarge(std::span<const float> values) {
  constexpr size_t kBlock = 1024, kWays = 4;
  size_t bins = counts_.size();
  std::vector<uint32_t> partial(kWays * bins);
  uint32_t *ways[kWays];
  for (size_t way = 0; way < kWays; ++way)
    ways[way] = partial.data() + way * bins;
  std::array<int32_t, kBlock> index;
  size_t at = 0;
  for (; at + kBlock <= values.size(); at += kBlock) {
    binsOf(values.data() + at, kBlock, inverse_, first_, index.data());
    for (size_t i = 0; i < kBlock; i += kWays)
      for (size_t way = 0; way < kWays; ++way)
        ++ways[way][index[i + way]];
  }
  for (; at < values.size(); ++at)
    ++ways[0][binOf(values[at], inverse_, first_)];
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

// Some thousand values at a time, which stay in the cache.
void GrowingHistogram::addRows(std::span<GrowingHistogram> histograms,
                               std::span<const float> values) {
  constexpr size_t kValues = size_t{1} << 14;
  size_t columns = histograms.size(), total = values.size() / columns;
  std::vector<float> inverse;
  std::vector<int32_t> first;
  std::vector<uint32_t *> counts;
  for (GrowingHistogram &histogram : histograms) {
    inverse.push_back(histogram.inverse_);
    first.push_back(histogram.first_);
    counts.push_back(histogram.recent_.data());
    histogram.expect(total);
  }
  size_t rows = std::max<size_t>(1, kValues / columns);
  std::vector<int32_t> bins(rows * columns);
  for (size_t row = 0; row < total; row += rows) {
    size_t part = std::min(rows, total - row);
    binsOfRows(values.data() + row * columns, part, columns, inverse.data(), first.data(),
               bins.data());
    // Some columns at a time: fewer would wait for themselves, as above, more leave the cache.
    for (size_t i = 0; i < columns; i += kTogether)
      countColumns(std::span(counts).subspan(i, std::min(kTogether, columns - i)), part,
                   bins.data() + i, columns);
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
