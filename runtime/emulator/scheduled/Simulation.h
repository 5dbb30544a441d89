// SPDX-License-Identifier: Apache-2.0
//
// The clock of a scheduled machine: an event simulation in which instructions wait for their queue,
// their barriers and a free engine unit, then take their issue time, then work at the rate that
// their engine and their share of the memories' bandwidth allow.
#pragma once

#include "runtime/emulator/Cost.h"
#include "runtime/emulator/scheduled/Order.h"

#include <functional>

namespace edgecc::emulator {

// The cost of every instruction. A BadProgram names the first that its engine cannot run.
Result<std::vector<Cost>> costsOf(const ProgramT &program);

// One execution of an instruction.
struct Execution {
  uint32_t stream = 0, frame = 0, instruction = 0;
  double startUs = 0, endUs = 0;
};

struct SimulationResult {
  double endUs = 0;
  std::vector<std::pair<double, uint32_t>> frameEnds; // time and stream, in the order of time
  std::vector<double> engineBusyUs;                   // unit-microseconds of each engine
  std::vector<double> memoryBusyUs; // time that each memory's traffic takes at full bandwidth
};

// Runs `frames` frames on each of `streams` copies of the program, each copy one frame after the
// other. Copies share engines and memory bandwidth; when an engine has too few units for all, the
// one that has waited longest goes first. Stream s starts at s * staggerUs: callers are not in
// step, and streams that are collide all the time. `onEnd` is called in the order of time; if it
// returns false the simulation stops.
SimulationResult simulateScheduled(const ProgramT &program, const Order &order,
                                   std::span<const Cost> costs, unsigned streams, unsigned frames,
                                   double staggerUs,
                                   const std::function<bool(const Execution &)> &onEnd = {});

} // namespace edgecc::emulator
