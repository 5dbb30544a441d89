// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Emulator.h"

#include "runtime/emulator/dataflow/Dataflow.h"
#include "runtime/emulator/scheduled/Scheduled.h"

namespace edgecc::emulator {

Emulator::Emulator(const ProgramT &program, std::span<const std::byte> weights, HostFunction host)
    : program_(program), weights_(weights), host_(std::move(host)) {}

Result<RunReport> Emulator::run(std::span<const std::span<const std::byte>> inputs,
                                std::span<const std::span<std::byte>> outputs,
                                const RunOptions &options) {
  return program_.scheduled ? runScheduled(program_, weights_, host_, inputs, outputs, options)
                            : runDataflow(program_, weights_, host_, inputs, outputs, options);
}

Result<RunReport> measure(const ProgramT &program, bool timeline) {
  return program.scheduled ? measureScheduled(program, timeline)
                           : measureDataflow(program, timeline);
}

} // namespace edgecc::emulator
