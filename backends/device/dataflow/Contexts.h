// SPDX-License-Identifier: Apache-2.0
//
// A graph that is too large for the machine, as contexts that come one after the other.
#pragma once

#include "backends/device/dataflow/Allocate.h"

namespace edgecc::device::dataflow {

struct PlannedContext {
  Segment segment;
  Allocation allocation;
};

struct ContextPlan {
  std::vector<PlannedContext> contexts;
  std::vector<std::string> notes;
};

// One context where everything fits (and no host step lies between); else those for which a batch
// takes the least time. Fails with the layers that fit nowhere.
Expected<ContextPlan> planContexts(const Graph &graph, const emulator::DataflowMachineT &machine,
                                   const MapOptions &options);

} // namespace edgecc::device::dataflow
