// The report for scripts: docs/report.md is its schema.
#pragma once

#include "driver/report/Report.h"

namespace edgecc::driver {

std::string reportAsJson(const Report &report);

// Counts of a histogram in at most `bins` equal bins, each a whole number of the original's, except
// that the last may reach beyond its range.
Histogram coarse(const Histogram &histogram, size_t bins);

} // namespace edgecc::driver
