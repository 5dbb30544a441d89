// The timeline of a device program for trace viewers (Perfetto, chrome://tracing).
#pragma once

#include "runtime/emulator/Emulator.h"

namespace edgecc::driver {

// Chrome's trace event format (JSON object form): one track for each engine or node, a complete
// event for each span, in us, and a counter for each memory's occupancy. `report` was measured with
// its timeline.
std::string traceAsJson(const emulator::ProgramT &program, const emulator::RunReport &report);

} // namespace edgecc::driver
