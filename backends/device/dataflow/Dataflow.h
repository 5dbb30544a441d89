// SPDX-License-Identifier: Apache-2.0
//
// The mapper for dataflow machines: tasks become nodes that pass rows, each with its own
// sub-clusters; rings are sized so that no row waits for room longer than the slowest layer makes
// it.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device::dataflow {

// `device` must have a dataflow machine. Moves the host parts out of `tasks`.
Expected<DeviceCode> mapTasks(const Function &function, Tasks tasks,
                              const emulator::DeviceT &device, const MapOptions &options);

} // namespace edgecc::device::dataflow
