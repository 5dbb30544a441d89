// SPDX-License-Identifier: Apache-2.0
//
// Emulation of scheduled scratchpad machines: Emulator's functions for programs of that kind.
#pragma once

#include "runtime/emulator/Emulator.h"

namespace edgecc::emulator {

// As Emulator::run. Numbers come from one run of each frame on its stream; latency from a frame
// alone; the frame rate from all streams side by side.
Result<RunReport> runScheduled(const ProgramT &program, std::span<const std::byte> weights,
                               const HostFunction &host,
                               std::span<const std::span<const std::byte>> inputs,
                               std::span<const std::span<std::byte>> outputs,
                               const RunOptions &options);

Result<RunReport> measureScheduled(const ProgramT &program, bool timeline);

} // namespace edgecc::emulator
