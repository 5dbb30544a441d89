#include "passes/compress/calibration/ChannelStatistics.h"

#include "passes/compress/calibration/Wide.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float least(float a, float b) { return b < a ? b : a; }
float largest(float a, float b) { return a < b ? b : a; }

// Partial results of `width` lanes.
struct Lanes {
  explicit Lanes(size_t width)
      : low(width, kInfinity), high(width, -kInfinity), sum(width), squares(width) {}
  std::vector<float> low, high, sum, squares;
};

// Adds `rows` rows of `width` elements, lane by lane; rows is a multiple of 4.
EDGECC_WIDE void addRows(const float *x, int64_t rows, int64_t width, float *__restrict low,
                         float *__restrict high, float *__restrict sum, float *__restrict squares) {
  for (int64_t row = 0; row < rows; row += 4, x += 4 * width)
    for (int64_t i = 0; i < width; ++i) {
      float a = x[i], b = x[width + i], c = x[2 * width + i], d = x[3 * width + i];
      low[i] = least(low[i], least(least(a, b), least(c, d)));
      high[i] = largest(high[i], largest(largest(a, b), largest(c, d)));
      sum[i] += (a + b) + (c + d);
      squares[i] += (a * a + b * b) + (c * c + d * d);
    }
}

class Accumulator {
public:
  explicit Accumulator(size_t channels) {
    out_.low.assign(channels, kInfinity);
    out_.high.assign(channels, -kInfinity);
    out_.sum.resize(channels);
    out_.squares.resize(channels);
  }

  void add(size_t channel, float value) {
    out_.low[channel] = least(out_.low[channel], value);
    out_.high[channel] = largest(out_.high[channel], value);
    out_.sum[channel] += value;
    out_.squares[channel] += double{value} * value;
  }

  // Adds rows of `width` lanes, of which lane i belongs to channel channelOf(i).
  template <class Fn> void addBlock(const float *x, int64_t rows, int64_t width, Fn channelOf) {
    constexpr int64_t kRows = 256; // 64 additions in each lane
    for (int64_t begin = 0; begin < rows; begin += kRows) {
      Lanes lanes(static_cast<size_t>(width));
      addRows(x + begin * width, std::min(kRows, rows - begin), width, lanes.low.data(),
              lanes.high.data(), lanes.sum.data(), lanes.squares.data());
      for (int64_t i = 0; i < width; ++i) {
        auto lane = static_cast<size_t>(i);
        size_t channel = channelOf(lane);
        out_.low[channel] = least(out_.low[channel], lanes.low[lane]);
        out_.high[channel] = largest(out_.high[channel], lanes.high[lane]);
        out_.sum[channel] += lanes.sum[lane];
        out_.squares[channel] += lanes.squares[lane];
      }
    }
  }

  bool looksFinite() const {
    auto isFinite = [](double value) { return std::isfinite(value); };
    return std::ranges::all_of(out_.sum, isFinite) && std::ranges::all_of(out_.squares, isFinite);
  }
  ChannelStatistics take() { return std::move(out_); }

private:
  ChannelStatistics out_;
};

// Channels innermost.
void addChannelsLast(Accumulator &to, std::span<const float> values, size_t channels) {
  // Few channels: several rows side by side fill the vectors.
  size_t group = std::max<size_t>(1, 64 / channels);
  size_t width = group * channels;
  size_t rows = values.size() / width / 4 * 4;
  to.addBlock(values.data(), static_cast<int64_t>(rows), static_cast<int64_t>(width),
              [&](size_t lane) { return lane % channels; });
  for (size_t i = rows * width; i < values.size(); ++i)
    to.add(i % channels, values[i]);
}

// A run of elements of one channel.
void addRun(Accumulator &to, std::span<const float> run, size_t channel) {
  constexpr size_t kWidth = 32;
  size_t rows = run.size() / kWidth / 4 * 4;
  to.addBlock(run.data(), static_cast<int64_t>(rows), kWidth, [&](size_t) { return channel; });
  for (size_t i = rows * kWidth; i < run.size(); ++i)
    to.add(channel, run[i]);
}

} // namespace

ChannelStatistics channelStatistics(std::span<const float> values, const ChannelShape &shape) {
  auto channels = static_cast<size_t>(shape.channels), inner = static_cast<size_t>(shape.inner);
  Accumulator all(channels);
  if (values.empty())
    return all.take();
  if (inner == 1)
    addChannelsLast(all, values, channels);
  else
    for (size_t i = 0; i * inner < values.size(); ++i)
      addRun(all, values.subspan(i * inner, inner), i % channels);
  if (all.looksFinite())
    return all.take();
  // NaN, an infinity, or an f32 sum that overflowed.
  Accumulator exact(channels);
  for (size_t i = 0; i < values.size(); ++i)
    exact.add(i / inner % channels, values[i]);
  bool finite = std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
  ChannelStatistics out = exact.take();
  out.finite = finite;
  return out;
}

} // namespace edgecc
