#include "driver/commands/InspectCalibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

constexpr std::array kMethods = {RangeMethod::MinMax, RangeMethod::MovingAverage,
                                 RangeMethod::Percentile, RangeMethod::Mse, RangeMethod::Entropy};

std::string text(Range range) { return fmt::format("[{:.4g}, {:.4g}]", range.low, range.high); }

// One character for each of 48 equal parts of the range: the logarithm of its count in eighths of a
// line's height.
std::string sketch(const Histogram &histogram) {
  constexpr size_t kColumns = 48;
  static constexpr std::array<const char *, 9> kHeights = {" ", "▁", "▂", "▃", "▄",
                                                           "▅", "▆", "▇", "█"};
  std::array<double, kColumns> sums{};
  size_t bins = histogram.counts.size();
  for (size_t i = 0; i < bins; ++i)
    sums[i * kColumns / bins] += static_cast<double>(histogram.counts[i]);
  double peak = std::log1p(*std::ranges::max_element(sums));
  std::string out;
  for (double sum : sums) {
    double height = peak > 0 ? std::log1p(sum) / peak * 8 : 0;
    out += kHeights[static_cast<size_t>(std::ceil(height))];
  }
  return out;
}

std::string describe(const Observation &o, size_t c, double percentile) {
  std::string out = fmt::format("seen {}", text(o.seen[c]));
  for (RangeMethod method : kMethods)
    if (method != RangeMethod::MinMax && (!needsHistogram(method) || !o.histograms.empty()))
      out += fmt::format("  {} {}", name(method), text(o.range(method, 8, false, c, percentile)));
  return out + "\n";
}

} // namespace

std::string describe(const Calibration &table) {
  std::string out = fmt::format("calibration by {}, {} values\n", name(table.method),
                                table.observations().size());
  for (const auto &[name, o] : table.observations()) {
    out += fmt::format("\n{}  ({} samples{})\n", name, o.samples,
                       o.axis < 0 ? "" : fmt::format(", {} channels", o.seen.size()));
    for (size_t c = 0; c < o.seen.size(); ++c) {
      out += o.axis < 0 ? "  " : fmt::format("  {:>4} ", c);
      out += describe(o, c, table.percentile);
      if (!o.histograms.empty())
        out += fmt::format("  {:>10.4g} |{}| {:.4g}\n", o.histograms[c].range.low,
                           sketch(o.histograms[c]), o.histograms[c].range.high);
    }
  }
  return out;
}

} // namespace edgecc::driver
