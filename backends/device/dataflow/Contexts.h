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

// The contexts for which a batch takes the least time: one, if it is the fastest or all that was
// asked for. Host steps run with the contexts, and force no cut. Fails with the layers that fit
// nowhere.
Expected<ContextPlan> planContexts(const Graph &graph, const emulator::DataflowMachineT &machine,
                                   const MapOptions &options);

} // namespace edgecc::device::dataflow
