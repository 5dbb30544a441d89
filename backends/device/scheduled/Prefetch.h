// Double buffering: loads move before the computation in front of the one that needs them.
#pragma once

#include "backends/device/scheduled/Emitter.h"

namespace edgecc::device::scheduled {

void prefetch(std::vector<Draft> &drafts, const StreamMachine &machine);

} // namespace edgecc::device::scheduled
