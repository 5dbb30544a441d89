// SPDX-License-Identifier: Apache-2.0
//
// Runs dataflow programs: what Emulator and measure() do for that kind of machine.
#pragma once

#include "runtime/emulator/Emulator.h"

namespace edgecc::emulator {

// As Emulator::run. `program` must have passed checkProgram. Host parts take no time here: they run
// on whatever machine the device is plugged into.
Result<RunReport> runDataflow(const ProgramT &program, std::span<const std::byte> weights,
                              const HostFunction &host,
                              std::span<const std::span<const std::byte>> inputs,
                              std::span<const std::span<std::byte>> outputs,
                              const RunOptions &options);

// As measure.
Result<RunReport> measureDataflow(const ProgramT &program, bool timeline);

} // namespace edgecc::emulator
