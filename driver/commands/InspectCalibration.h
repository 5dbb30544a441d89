// What a calibration table holds, as text.
#pragma once

#include "passes/compress/calibration/Calibration.h"

namespace edgecc::driver {

// For each value what was seen, the range that each method would choose for 8 bits, and the shape
// of its histogram.
std::string describe(const Calibration &table);

} // namespace edgecc::driver
