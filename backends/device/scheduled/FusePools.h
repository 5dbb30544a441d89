// Pooling in the same instruction as the convolution before it, where the engine's description
// allows it (limits.pools).
#pragma once

#include "backends/device/scheduled/Machine.h"
#include "backends/device/tasks/Tasks.h"

namespace edgecc::device::scheduled {

void fusePools(Tasks &tasks, const StreamMachine &machine);

} // namespace edgecc::device::scheduled
