// SPDX-License-Identifier: Apache-2.0
//
// What a simulated run means for layers, engines and memories.
#pragma once

#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/scheduled/Simulation.h"

namespace edgecc::emulator {

// `alone`: when each instruction ran in a frame alone, by instruction. `together`: all streams with
// `frames` each.
RunReport reportOf(const ProgramT &program, std::span<const Cost> costs,
                   std::span<const Execution> alone, const SimulationResult &together,
                   unsigned streams, unsigned frames, bool timeline);

// The same executions for a trace.
std::vector<Span> spansOf(const ProgramT &program, std::span<const Execution> executions,
                          unsigned streams);

} // namespace edgecc::emulator
