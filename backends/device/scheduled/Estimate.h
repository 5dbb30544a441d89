// What the mapper expects of a program: a list schedule in which every instruction takes the time
// that it takes alone.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::device::scheduled {

// Fills in the estimates of instructions, layers and the whole.
void estimate(emulator::ProgramT &program);

} // namespace edgecc::device::scheduled
