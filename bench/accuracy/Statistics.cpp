#include "bench/accuracy/Statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace edgecc::bench {

double mean(std::span<const double> values) {
  if (values.empty())
    return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::span<const double> values) {
  if (values.empty())
    return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  size_t half = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

Interval bootstrap(std::span<const double> differences) {
  constexpr size_t kResamples = 10000;
  if (differences.empty())
    return {};
  std::mt19937 random(1);
  std::vector<double> means(kResamples);
  for (double &one : means) {
    double sum = 0;
    for (size_t i = 0; i < differences.size(); ++i)
      sum += differences[(uint64_t{random()} * differences.size()) >> 32];
    one = sum / static_cast<double>(differences.size());
  }
  std::sort(means.begin(), means.end());
  return {means[kResamples / 40], means[kResamples - 1 - kResamples / 40]};
}

} // namespace edgecc::bench
