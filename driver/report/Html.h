// Pieces of the report's web page: text, numbers, drawings.
#pragma once

#include "passes/compress/calibration/Calibration.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgecc::driver::html {

// As text between tags and inside quoted attributes; control characters become U+FFFD.
std::string escape(std::string_view text);

// "23.4", "equal" for infinity, "−∞" for noise on what is zero throughout, "NaN"
std::string decibels(double sqnr);

// Signal-to-noise ratios of layers from the first to the last.
struct NoisePoint {
  std::string layer;
  double accumulated = 0;
  std::optional<double> alone;
};
std::string noiseChart(const std::vector<NoisePoint> &points);

// A pair of bars for each layer.
struct TimeBar {
  std::string layer;
  std::optional<double> before; // ns
  double after = 0;
};
std::string timeChart(const std::vector<TimeBar> &bars);

// Counts on a square-root scale; the part beyond `covered` is marked.
std::string histogramChart(const Histogram &histogram, const std::optional<Range> &covered,
                           std::string_view title);

} // namespace edgecc::driver::html
