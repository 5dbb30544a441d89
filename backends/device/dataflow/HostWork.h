// SPDX-License-Identifier: Apache-2.0
//
// How much a host part does, for the time that it takes.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device::dataflow {

struct HostWork {
  uint64_t macs = 0;     // of convolutions, products and recurrences
  uint64_t elements = 0; // read and written by each op
};
HostWork hostWorkOf(const Task &task);

} // namespace edgecc::device::dataflow
