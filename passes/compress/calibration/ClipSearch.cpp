#include "passes/compress/calibration/ClipSearch.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace edgecc {

namespace {

double levelsOf(unsigned bits, bool symmetric) { return std::exp2(bits) - (symmetric ? 1 : 0); }

// Bins below zero.
size_t zeroBin(const Histogram &h) {
  double bins = std::round(-h.range.low / h.width());
  return static_cast<size_t>(std::clamp(bins, 0.0, static_cast<double>(h.counts.size())));
}

// Counts of |x| in bins of the same width.
std::vector<uint64_t> magnitudes(const Histogram &h) {
  size_t zero = zeroBin(h), size = h.counts.size();
  std::vector<uint64_t> out(std::max(zero, size - zero));
  for (size_t i = 0; i < size; ++i)
    out[i < zero ? zero - 1 - i : i - zero] += h.counts[i];
  return out;
}

// The bin edge, in bins from the first, below which `share` of the counts lie; linear within a bin.
double quantile(const std::vector<uint64_t> &counts, double share) {
  double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double wanted = total * share, below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    double count = static_cast<double>(counts[i]);
    if (count > 0 && below + count >= wanted)
      return static_cast<double>(i) + (wanted - below) / count;
    below += count;
  }
  return static_cast<double>(counts.size());
}

Range within(Range range, Range seen) {
  return {std::clamp(range.low, seen.low, 0.0), std::clamp(range.high, 0.0, seen.high)};
}

double peakOf(Range range) { return std::max(-range.low, range.high); }

// The integral of (t - q(t))^2 from 0, for q(t) = t rounded to an integer of [least, most], 0 among
// them: each whole interval around an integer contributes 1/12.
double errorIntegral(double t, double least, double most) {
  constexpr double kRound = 0x1.8p52; // adding it rounds to an integer, for |t| below 2^51
  double nearest = std::clamp((t + kRound) - kRound, least, most);
  double off = t - nearest;
  return nearest / 12 + off * off * off / 3;
}

} // namespace

Range percentileRange(const Histogram &histogram, Range seen, double percentile, bool symmetric) {
  double share = percentile / 100, width = histogram.width();
  if (symmetric) {
    double edge = std::min(quantile(magnitudes(histogram), share) * width, peakOf(seen));
    return {-edge, edge};
  }
  return within({histogram.range.low + quantile(histogram.counts, 1 - share) * width,
                 histogram.range.low + quantile(histogram.counts, share) * width},
                seen);
}

double quantizationError(const Histogram &h, Range range, unsigned bits, bool symmetric) {
  double levels = levelsOf(bits, symmetric);
  double step = (range.high - range.low) / (levels - 1);
  double least = std::round(range.low / step), most = least + levels - 1;
  double width = h.width() / step, total = 0;
  double before = errorIntegral(h.range.low / step, least, most);
  for (size_t i = 0; i < h.counts.size(); ++i) {
    double after =
        errorIntegral(h.range.low / step + static_cast<double>(i + 1) * width, least, most);
    total += static_cast<double>(h.counts[i]) * (after - before);
    before = after;
  }
  return total / width * step * step;
}

Range leastSquaresRange(const Histogram &histogram, Range seen, unsigned bits, bool symmetric) {
  if (symmetric)
    seen = {-peakOf(seen), peakOf(seen)};
  Range best = seen;
  double bestError = quantizationError(histogram, best, bits, symmetric);
  auto consider = [&](Range candidate) {
    double error = quantizationError(histogram, candidate, bits, symmetric);
    if (error >= bestError)
      return;
    bestError = error;
    best = candidate;
  };
  // Both ends together from the whole range down to a thirtieth, then each end by itself in steps
  // that become finer.
  for (double factor = 0.97; factor > 0.03; factor *= 0.97)
    consider({seen.low * factor, seen.high * factor});
  if (symmetric) {
    Range rough = best;
    for (double factor = 0.975; factor < 1.03; factor += 0.005)
      consider({std::max(rough.low * factor, seen.low), std::min(rough.high * factor, seen.high)});
    return best;
  }
  for (double ratio : {0.9, 0.97, 0.99}) {
    Range rough = best;
    for (double factor = std::pow(ratio, -8); factor > std::pow(ratio, 8.5); factor *= ratio)
      consider({rough.low, std::min(rough.high * factor, seen.high)});
    rough = best;
    for (double factor = std::pow(ratio, -8); factor > std::pow(ratio, 8.5); factor *= ratio)
      consider({std::max(rough.low * factor, seen.low), rough.high});
  }
  return best;
}

namespace {

// KL(P || Q) for P the counts with everything beyond `kept` bins in the last of them, and Q the
// same bins told apart by `levels` values only: within the bins that share a value, what was there
// before clipping spreads evenly over those that were not empty.
double divergence(const std::vector<uint64_t> &counts, size_t kept, size_t levels) {
  double outliers =
      std::accumulate(counts.begin() + static_cast<ptrdiff_t>(kept), counts.end(), 0.0);
  double inside =
      std::accumulate(counts.begin(), counts.begin() + static_cast<ptrdiff_t>(kept), 0.0);
  double all = inside + outliers;
  if (inside == 0)
    return std::numeric_limits<double>::infinity();
  constexpr double kLeast = 1e-9; // where Q is empty and P is not: the outliers' bin
  double sum = 0;
  for (size_t level = 0; level < levels; ++level) {
    size_t begin = level * kept / levels, end = (level + 1) * kept / levels;
    double mass = 0, filled = 0;
    for (size_t i = begin; i < end; ++i) {
      mass += static_cast<double>(counts[i]);
      filled += counts[i] ? 1 : 0;
    }
    for (size_t i = begin; i < end; ++i) {
      double p = static_cast<double>(counts[i]) + (i + 1 == kept ? outliers : 0);
      if (p == 0)
        continue;
      double q = counts[i] ? mass / filled / inside : 0;
      sum += p / all * std::log(p / all / std::max(q, kLeast));
    }
  }
  return sum;
}

} // namespace

Range entropyRange(const Histogram &histogram, Range seen, unsigned bits, bool symmetric) {
  std::vector<uint64_t> counts = magnitudes(histogram);
  // Zero is exact in every range: a spike there says nothing about the choice.
  if (counts.size() > 1)
    counts[0] = counts[1];
  // Values on the larger side.
  double share = symmetric ? 0.5 : peakOf(seen) / (seen.high - seen.low);
  auto levels = static_cast<size_t>(std::max(2.0, std::round(std::exp2(bits) * share)));
  size_t best = counts.size();
  double least = std::numeric_limits<double>::infinity();
  size_t step = std::max<size_t>(1, counts.size() / 256);
  for (size_t kept = counts.size(); kept >= levels && kept > 0; kept -= std::min(step, kept)) {
    double value = divergence(counts, kept, levels);
    if (value >= least)
      continue;
    least = value;
    best = kept;
  }
  double edge = std::min(static_cast<double>(best) * histogram.width(), peakOf(seen));
  return symmetric ? Range{-edge, edge} : within({-edge, edge}, seen);
}

Range Observation::range(RangeMethod method, unsigned bits, bool symmetric, size_t c,
                         double percentile) const {
  const Range &all = method == RangeMethod::MovingAverage ? averaged[c] : seen[c];
  Range range{std::min(all.low, 0.0), std::max(all.high, 0.0)};
  double peak = peakOf(range);
  if (peak > 0 && needsHistogram(method)) {
    assert(c < histograms.size() && "the observation was made for another method");
    const Histogram &histogram = histograms[c];
    if (method == RangeMethod::Percentile)
      return percentileRange(histogram, range, percentile, symmetric);
    if (method == RangeMethod::Mse)
      return leastSquaresRange(histogram, range, bits, symmetric);
    return entropyRange(histogram, range, bits, symmetric);
  }
  return symmetric ? Range{-peak, peak} : range;
}

} // namespace edgecc
