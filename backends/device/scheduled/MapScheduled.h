// The mapper for scheduled scratchpad machines.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device {

Expected<DeviceCode> mapScheduled(const Function &function, Tasks tasks,
                                  const emulator::DeviceT &device, const MapOptions &options);

} // namespace edgecc::device
