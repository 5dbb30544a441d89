// Drawings of the device report, as inline SVG.
#pragma once

#include "driver/device/report/DeviceReport.h"

#include <string>

namespace edgecc::driver::html {

// Multiply-accumulates a second over multiply-accumulates a byte, both on logarithmic scales, under
// the machine's roofs. "" where no layer multiplies.
std::string rooflineChart(const DeviceReport &report);

// One row for each engine or node, with the layers of the first frames.
std::string timelineChart(const DeviceReport &report);

// Live bytes of a memory (an index of RunReport::memories) over a frame. "" where nothing is known.
std::string occupancyChart(const DeviceReport &report, size_t memory);

// What drawings add to the page's style.
extern const char kChartStyle[];

} // namespace edgecc::driver::html
