// SPDX-License-Identifier: Apache-2.0
//
// Several dataflow programs on one device at the same time, each in clusters of its own.
#pragma once

#include "runtime/emulator/Program.h"

#include <span>

namespace edgecc::emulator {

struct TogetherUse {
  double fps = 0;       // in steady state, while all others run
  double latencyUs = 0; // of a frame then, on average: from the host's first work on it to its last
};

struct TogetherReport {
  std::vector<TogetherUse> programs;
  // Fractions of the time that all of them ran.
  double linkInBusy = 0, linkOutBusy = 0, hostBusy = 0, loadingBusy = 0;
};

// One simulation of events of all programs: they take turns with the link, row by row, with the
// host, and with the loading of contexts. Each program must have passed checkProgram and be for a
// part of the same machine; link, host and loading are those of the first. Fails if a program does
// nothing on the device.
Result<TogetherReport> measureTogether(std::span<const ProgramT *const> programs);

} // namespace edgecc::emulator
