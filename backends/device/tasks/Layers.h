// What users see of a task.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device {

std::unique_ptr<emulator::LayerT> layerOf(const Task &task);

} // namespace edgecc::device
