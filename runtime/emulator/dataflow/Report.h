// SPDX-License-Identifier: Apache-2.0
//
// What a run tells: times, shares, bytes and energy, from the events of its visits.
#pragma once

#include "runtime/emulator/dataflow/Schedule.h"

namespace edgecc::emulator::dataflow {

// `first`: one frame alone; `steady`: frames at the rate `fps`.
RunReport reportOf(const Scheduler &scheduler, const Schedule &first, const Schedule &steady,
                   double fps);

// Spans of every actor and every load of weights; no more than a viewer takes.
std::vector<Span> timelineOf(const Scheduler &scheduler, const Schedule &schedule);

} // namespace edgecc::emulator::dataflow
