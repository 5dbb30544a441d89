// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/device/dataflow/Contexts.h"

namespace edgecc::device::dataflow {

// The program of a planned graph. Takes the graph's nodes and layers.
std::unique_ptr<emulator::DataflowProgramT> emitProgram(Graph &graph, const ContextPlan &plan,
                                                        const MapOptions &options);

} // namespace edgecc::device::dataflow
