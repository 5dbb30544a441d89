// What was observed of a model's values while it ran on calibration data.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

#include <filesystem>

namespace edgecc {

// How the range that a quantised value covers is chosen.
enum class RangeMethod : uint8_t {
  MinMax,        // all that was seen
  MovingAverage, // moving average of each sample's extremes
  Percentile,    // cuts a share of the values at both ends
  Mse,           // least squared error of the quantised values
  Entropy,       // least Kullback-Leibler divergence of the quantised distribution
};

// "minmax", "moving-average", "percentile", "mse", "entropy"
std::string_view name(RangeMethod method);
std::optional<RangeMethod> rangeMethodFromName(std::string_view name);
// Whether the method needs histograms.
bool needsHistogram(RangeMethod method);

struct Range {
  double low = 0, high = 0;
  bool operator==(const Range &) const = default;
};

// Counts of values in equal bins over [low, high]; zero is an edge.
struct Histogram {
  Range range;
  std::vector<uint64_t> counts;
  bool operator==(const Histogram &) const = default;

  double width() const { return (range.high - range.low) / static_cast<double>(counts.size()); }
};

inline constexpr double kDefaultPercentile = 99.99;

// Of one value; all vectors have one entry, or one for each channel along `axis`.
struct Observation {
  int axis = -1;                       // -1: per tensor
  std::vector<Range> seen;             // least and largest value
  std::vector<Range> averaged;         // moving averages of each sample's extremes
  std::vector<Histogram> histograms;   // empty for MinMax and MovingAverage
  std::vector<double> mean, deviation; // of each channel along axis 1 (per tensor below rank 2)
  uint64_t samples = 0;
  bool operator==(const Observation &) const = default;

  // The range to be covered by integers of `bits`, for channel `c` of a per-channel observation; it
  // always contains 0, and is [0, 0] for a value that is always 0. `symmetric`: low = -high.
  // Percentile, Mse and Entropy need histograms. `percentile`: of the values on each side that the
  // range covers.
  Range range(RangeMethod method, unsigned bits, bool symmetric, size_t c = 0,
              double percentile = kDefaultPercentile) const;
};

class Calibration {
public:
  RangeMethod method = RangeMethod::MinMax; // that the observations were made for
  double percentile = kDefaultPercentile;   // for RangeMethod::Percentile

  // By the value's name in ValueNames. Null if it was not observed.
  const Observation *find(std::string_view name) const;
  void set(std::string name, Observation observation);
  const std::map<std::string, Observation, std::less<>> &observations() const {
    return observations_;
  }

  // The observation's range by this table's method and percentile.
  Range range(const Observation &observation, unsigned bits, bool symmetric, size_t c = 0) const {
    return observation.range(method, bits, symmetric, c, percentile);
  }

  // JSON. A file is hostile input. `source` names the text in diagnostics.
  Expected<void> save(const std::filesystem::path &path) const;
  static Expected<Calibration> load(const std::filesystem::path &path);
  static Expected<Calibration> parse(std::string_view text, const std::string &source);

private:
  std::map<std::string, Observation, std::less<>> observations_;
};

// What the values of a function's body are called in calibration tables: the ONNX tensor that a
// value stands for; without one, the input's name, or the location of its op, the op's name and the
// result's number. No two share a name (a counter is appended), and the same function gives the
// same names.
class ValueNames {
public:
  explicit ValueNames(const Function &function);
  const std::string &of(const Value &value) const { return names_.at(&value); }

private:
  std::map<const Value *, std::string> names_;
};

} // namespace edgecc
