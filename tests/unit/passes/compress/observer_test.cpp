// The streaming observers against their definitions over all values at once.
#include "passes/compress/calibration/Observer.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <limits>
#include <random>

namespace edgecc {
namespace {

using testing::ElementsAre;

class Random {
public:
  explicit Random(unsigned seed) : generator_(seed) {}
  // Of magnitudes from 10^-3 to 10^decades, both signs.
  std::vector<float> wide(size_t count, double decades) {
    std::vector<float> out;
    std::uniform_real_distribution<double> exponent(-3, decades);
    for (size_t i = 0; i < count; ++i)
      out.push_back(
          static_cast<float>((generator_() % 2 ? 1 : -1) * std::pow(10, exponent(generator_))));
    return out;
  }
  std::vector<float> normal(size_t count, float mean = 0, float deviation = 1) {
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> out(count);
    for (float &value : out)
      value = normal(generator_);
    return out;
  }
  void shuffle(std::vector<float> &values) {
    std::shuffle(values.begin(), values.end(), generator_);
  }

private:
  std::mt19937 generator_;
};

// The least power of two as a bin's width for which zero and all values fall in `bins` bins.
Histogram twoPasses(std::span<const float> values, unsigned bins) {
  double low = std::min(0.0, double{*std::ranges::min_element(values)});
  double high = std::max(0.0, double{*std::ranges::max_element(values)});
  double width = 0x1p-100;
  while (std::floor(high / width) - std::floor(low / width) >= bins)
    width *= 2;
  double first = std::floor(low / width), last = std::floor(high / width);
  Histogram out{{first * width, (last + 1) * width}, {}};
  out.counts.resize(static_cast<size_t>(last - first) + 1);
  for (float value : values)
    ++out.counts[static_cast<size_t>(std::floor(value / width) - first)];
  return out;
}

Histogram streamed(std::span<const float> values, unsigned bins, size_t chunk) {
  GrowingHistogram histogram(bins);
  for (size_t at = 0; at < values.size(); at += chunk) {
    auto part = values.subspan(at, std::min(chunk, values.size() - at));
    histogram.cover(*std::ranges::min_element(part), *std::ranges::max_element(part));
    histogram.add(part);
  }
  return histogram.histogram();
}

TEST(GrowingHistogram, CountsAsIfTheRangeHadBeenKnown) {
  Random random(1);
  for (unsigned bins : {16U, 100U, 2048U})
    for (double decades : {-1.0, 2.0, 8.0}) {
      std::vector<float> values = random.wide(20000, decades);
      values[17] = 0;
      EXPECT_EQ(streamed(values, bins, 7), twoPasses(values, bins));
      EXPECT_EQ(streamed(values, bins, 9999), twoPasses(values, bins));
    }
}

TEST(GrowingHistogram, DoesNotDependOnTheOrder) {
  Random random(2);
  std::vector<float> values = random.normal(5000, 3);
  Histogram expected = streamed(values, 512, 10);
  random.shuffle(values);
  EXPECT_EQ(streamed(values, 512, 1234), expected);
}

TEST(GrowingHistogram, HoldsExtremeValues) {
  float least = std::numeric_limits<float>::denorm_min(), most = std::numeric_limits<float>::max();
  for (const std::vector<float> &values :
       {std::vector<float>{least, -least}, {most, -most}, {least, most}, {0, 0, 0}, {-5}}) {
    Histogram histogram = streamed(values, 64, 1);
    EXPECT_EQ(histogram, twoPasses(values, 64));
  }
}

TEST(GrowingHistogram, RowsAreCountedLikeRuns) {
  Random random(3);
  for (size_t columns : {1U, 5U, 8U, 21U}) {
    std::vector<float> values = random.wide(columns * 50, 1);
    std::vector<GrowingHistogram> together(columns, GrowingHistogram(128)), alone = together;
    for (size_t c = 0; c < columns; ++c) {
      std::vector<float> column;
      for (size_t i = c; i < values.size(); i += columns)
        column.push_back(values[i]);
      auto [low, high] = std::ranges::minmax(column);
      together[c].cover(low, high);
      alone[c].cover(low, high);
      alone[c].add(column);
    }
    GrowingHistogram::addRows(together, values);
    for (size_t c = 0; c < columns; ++c)
      EXPECT_EQ(together[c].histogram(), alone[c].histogram());
  }
}

TEST(ChannelStatistics, AreThoseOfEachChannel) {
  Random random(4);
  for (ChannelShape shape :
       {ChannelShape{7, 3, 1}, ChannelShape{500, 3, 1}, ChannelShape{900, 70, 1},
        ChannelShape{2, 5, 1}, ChannelShape{2, 4, 1000}, ChannelShape{1, 1, 33},
        ChannelShape{3, 2, 5}}) {
    auto inner = static_cast<size_t>(shape.inner), channels = static_cast<size_t>(shape.channels);
    std::vector<float> values =
        random.normal(static_cast<size_t>(shape.outer) * channels * inner, 0.5);
    ChannelStatistics actual = channelStatistics(values, shape);
    EXPECT_TRUE(actual.finite);
    for (size_t c = 0; c < channels; ++c) {
      float low = 1e9F, high = -1e9F;
      double sum = 0, squares = 0;
      for (size_t i = 0; i < values.size(); ++i)
        if (i / inner % channels == c) {
          low = std::min(low, values[i]);
          high = std::max(high, values[i]);
          sum += values[i];
          squares += double{values[i]} * values[i];
        }
      EXPECT_EQ(actual.low[c], low);
      EXPECT_EQ(actual.high[c], high);
      EXPECT_NEAR(actual.sum[c], sum, 1e-6 * squares);
      EXPECT_NEAR(actual.squares[c], squares, 1e-6 * squares);
    }
  }
}

TEST(ChannelStatistics, NoticeWhatIsNotFinite) {
  for (float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()})
    for (size_t at : {0U, 700U, 999U}) {
      std::vector<float> values(1000, 1);
      values[at] = bad;
      EXPECT_FALSE(channelStatistics(values, {1, 1, 1000}).finite);
      EXPECT_FALSE(channelStatistics(values, {200, 5, 1}).finite);
    }
}

TEST(ChannelStatistics, SurviveSumsThatFloatsCannotHold) {
  std::vector<float> values(1000, 3e38F);
  ChannelStatistics actual = channelStatistics(values, {1, 1, 1000});
  EXPECT_TRUE(actual.finite);
  EXPECT_DOUBLE_EQ(actual.sum[0], 1000 * double{3e38F});
}

TEST(Observer, KeepsExtremesAveragesAndMoments) {
  Observer observer(-1, 1, {});
  ASSERT_TRUE(observer.add(std::vector<float>{1, 3}, {1, 1, 2}));
  ASSERT_TRUE(observer.add(std::vector<float>{-1, 7}, {1, 1, 2}));
  Observation seen = observer.observation();
  EXPECT_EQ(seen.seen[0], (Range{-1, 7}));
  EXPECT_EQ(seen.averaged[0], (Range{0, 5})); // the plain mean while there are few samples
  EXPECT_THAT(seen.mean, ElementsAre(2.5));
  EXPECT_NEAR(seen.deviation[0], std::sqrt((1 + 9 + 1 + 49) / 4.0 - 6.25), 1e-12);
  EXPECT_EQ(seen.samples, 2);
  EXPECT_TRUE(seen.histograms.empty());
}

TEST(Observer, ForgetsSlowlyAfterManySamples) {
  Observer observer(-1, 1, {});
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(observer.add(std::vector<float>{0, 1}, {1, 1, 2}));
  ASSERT_TRUE(observer.add(std::vector<float>{0, 101}, {1, 1, 2}));
  EXPECT_DOUBLE_EQ(observer.observation().averaged[0].high, 2);
}

TEST(Observer, SeesEachChannelByItselfInBothLayouts) {
  // Channel 0 holds 1, 2, 3 and channel 1 holds -10, 0, 20.
  Observer planar(1, 2, {.perChannel = true, .histograms = true, .bins = 64});
  ASSERT_TRUE(planar.add(std::vector<float>{1, 2, 3, -10, 0, 20}, {1, 2, 3}));
  Observer last(1, 2, {.perChannel = true, .histograms = true, .bins = 64});
  ASSERT_TRUE(last.add(std::vector<float>{1, -10, 2, 0, 3, 20}, {3, 2, 1}));
  Observation seen = planar.observation();
  EXPECT_EQ(seen, last.observation());
  EXPECT_EQ(seen.axis, 1);
  EXPECT_THAT(seen.seen, ElementsAre(Range{1, 3}, Range{-10, 20}));
  EXPECT_NEAR(seen.mean[1], 10.0 / 3, 1e-6);
}

TEST(Observer, RefusesSamplesThatAreNotFinite) {
  Observer observer(-1, 1, {.histograms = true});
  ASSERT_TRUE(observer.add(std::vector<float>{1, 2}, {1, 1, 2}));
  Observation before = observer.observation();
  EXPECT_FALSE(observer.add(std::vector<float>{5, std::nanf("")}, {1, 1, 2}));
  EXPECT_EQ(observer.observation(), before);
}

TEST(Observer, ObservesConstants) {
  std::vector<float> values{1, -2, 3, 4, 5, 6};
  Tensor tensor = Tensor::of<float>(DType::F32, {2, 3}, values);
  EXPECT_THAT(observe(tensor, 0, {}).seen, ElementsAre(Range{-2, 3}, Range{4, 6}));
  EXPECT_THAT(observe(tensor, 1, {}).seen, ElementsAre(Range{1, 4}, Range{-2, 5}, Range{3, 6}));
  EXPECT_THAT(observe(tensor, -1, {}).seen, ElementsAre(Range{-2, 6}));
}

} // namespace
} // namespace edgecc
