// The barriers that order conflicting accesses of different queues.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::device::scheduled {

// For a program with addresses and queues, whose instructions stand in an order in which they could
// run one by one. Accesses that the queues and other barriers order already get none.
void addBarriers(emulator::ProgramT &program);

} // namespace edgecc::device::scheduled
