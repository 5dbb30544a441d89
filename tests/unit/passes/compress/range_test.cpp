// Ranges chosen from histograms against the values themselves.
#include "passes/compress/calibration/ClipSearch.h"
#include "passes/compress/calibration/Observer.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <random>

namespace edgecc {
namespace {

constexpr RangeMethod kAll[] = {RangeMethod::MinMax, RangeMethod::MovingAverage,
                                RangeMethod::Percentile, RangeMethod::Mse, RangeMethod::Entropy};

Observation observationOf(std::span<const float> values) {
  Observer observer(-1, 1, {.histograms = true});
  EXPECT_TRUE(observer.add(values, {1, 1, static_cast<int64_t>(values.size())}));
  return observer.observation();
}

std::vector<float> normal(size_t count, double deviation = 1) {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  std::vector<float> out(count);
  for (float &value : out)
    value = normal(generator);
  return out;
}

// The squared error that integers of `bits` over `range` make, value by value.
double errorOf(std::span<const float> values, Range range, unsigned bits, bool symmetric) {
  double levels = std::exp2(bits) - (symmetric ? 1 : 0);
  double step = (range.high - range.low) / (levels - 1), least = std::round(range.low / step);
  double sum = 0;
  for (double value : values) {
    double q = std::clamp(std::round(value / step), least, least + levels - 1) * step;
    sum += (value - q) * (value - q);
  }
  return sum;
}

TEST(Range, AlwaysContainsZero) {
  for (RangeMethod method : kAll) {
    Range above = observationOf(std::vector<float>{2, 3, 5}).range(method, 8, false);
    EXPECT_EQ(above.low, 0) << name(method);
    EXPECT_GT(above.high, 4) << name(method);
    Range below = observationOf(std::vector<float>{-2, -3, -5}).range(method, 8, false);
    EXPECT_EQ(below.high, 0) << name(method);
    EXPECT_LT(below.low, -4) << name(method);
  }
}

TEST(Range, SymmetricOnesAre) {
  std::vector<float> values = normal(3000);
  values.push_back(9);
  for (RangeMethod method : kAll)
    for (unsigned bits : {4U, 8U, 16U}) {
      Range range = observationOf(values).range(method, bits, true);
      EXPECT_EQ(range.low, -range.high) << name(method);
      EXPECT_GT(range.high, 1) << name(method);
      EXPECT_LE(range.high, 9) << name(method);
    }
}

TEST(Range, OfZerosIsEmpty) {
  for (RangeMethod method : kAll)
    for (bool symmetric : {false, true})
      EXPECT_EQ(observationOf(std::vector<float>(10)).range(method, 8, symmetric), (Range{0, 0}));
}

TEST(Range, MinMaxIsWhatWasSeen) {
  EXPECT_EQ(observationOf(std::vector<float>{-1, 2}).range(RangeMethod::MinMax, 8, false),
            (Range{-1, 2}));
  EXPECT_EQ(observationOf(std::vector<float>{-1, 2}).range(RangeMethod::MinMax, 8, true),
            (Range{-2, 2}));
}

TEST(Range, PercentileIsAQuantileUpToABin) {
  std::vector<float> values = normal(100000);
  Observation seen = observationOf(values);
  double bin = seen.histograms[0].width();
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  for (double percentile : {90.0, 99.0, 99.9}) {
    Range range = seen.range(RangeMethod::Percentile, 8, false, 0, percentile);
    auto at = static_cast<size_t>(percentile / 100 * 100000);
    EXPECT_NEAR(range.high, sorted[at], 1.01 * bin);
    EXPECT_NEAR(range.low, sorted[100000 - at], 1.01 * bin);
    for (float &value : sorted)
      value = std::abs(value);
    std::ranges::sort(sorted);
    EXPECT_NEAR(seen.range(RangeMethod::Percentile, 8, true, 0, percentile).high, sorted[at],
                1.01 * bin);
    sorted = values;
    std::ranges::sort(sorted);
  }
}

TEST(Range, HistogramsTellTheErrorOfTheValues) {
  std::vector<float> values = normal(200000);
  Histogram histogram = observationOf(values).histograms[0];
  for (unsigned bits : {3U, 4U, 6U})
    for (bool symmetric : {false, true})
      for (double edge : {0.5, 1.5, 3.0, 4.0}) {
        Range range{symmetric ? -edge : -edge / 2, edge};
        double exact = errorOf(values, range, bits, symmetric);
        EXPECT_NEAR(quantizationError(histogram, range, bits, symmetric), exact, 0.01 * exact)
            << bits << " bits, edge " << edge;
      }
}

// Among ranges [-a, b] on a fine grid.
double leastError(std::span<const float> values, unsigned bits, bool symmetric) {
  auto [low, high] = std::ranges::minmax(values);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 40; ++i)
    for (int j = symmetric ? i : 1; j <= (symmetric ? i : 40); ++j) {
      double peak = std::max(-low, high);
      Range range = symmetric ? Range{-peak * i / 40, peak * i / 40}
                              : Range{double{low} * i / 40, double{high} * j / 40};
      best = std::min(best, errorOf(values, range, bits, symmetric));
    }
  return best;
}

TEST(Range, MseComesCloseToTheBestRange) {
  std::vector<float> heavy = normal(5000);
  for (float &value : heavy)
    value = value * value * value; // long tails
  std::vector<float> relu = heavy;
  for (float &value : relu)
    value = std::max(value, 0.0F);
  for (const auto &values : {normal(5000), heavy, relu})
    for (unsigned bits : {4U, 8U})
      for (bool symmetric : {false, true}) {
        Range range = observationOf(values).range(RangeMethod::Mse, bits, symmetric);
        EXPECT_LT(errorOf(values, range, bits, symmetric),
                  1.05 * leastError(values, bits, symmetric))
            << bits << " bits, symmetric " << symmetric;
      }
}

TEST(Range, MseOf16BitsKeepsEverything) {
  std::vector<float> values = normal(5000);
  auto [low, high] = std::ranges::minmax(values);
  Range range = observationOf(values).range(RangeMethod::Mse, 16, false);
  EXPECT_NEAR(range.low, low, 0.05);
  EXPECT_NEAR(range.high, high, 0.05);
}

TEST(Range, EntropyClipsOutliersAndNothingElse) {
  std::vector<float> values = normal(100000);
  values.push_back(40);
  Range clipped = observationOf(values).range(RangeMethod::Entropy, 8, true);
  EXPECT_LT(clipped.high, 10);
  EXPECT_GT(clipped.high, 2.5);
  std::vector<float> even;
  for (int i = 0; i < 100000; ++i)
    even.push_back(static_cast<float>(i % 1000) / 999);
  EXPECT_GT(observationOf(even).range(RangeMethod::Entropy, 8, false).high, 0.95);
}

} // namespace
} // namespace edgecc
