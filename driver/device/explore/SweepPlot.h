// A sweep as a web page: table and plot.
#pragma once

#include "driver/device/explore/Sweep.h"

namespace edgecc::driver {

// Self-contained HTML: frame rate over energy a frame, one dot for each point, the Pareto front
// joined; then the table.
std::string sweepPage(const std::string &title, const std::vector<SweepResult> &results);

} // namespace edgecc::driver
