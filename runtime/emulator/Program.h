// SPDX-License-Identifier: Apache-2.0
//
// Reading, checking and writing device programs. The structures are those of schema/*.fbs
// (FlatBuffers' object form: ProgramT, InstructionT, ...), which mappers build and the emulator
// runs.
#pragma once

#include "runtime/emulator/Fault.h"
#include "runtime/emulator/program_generated.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace edgecc::emulator {

using blob::ElementType;

// Limits that keep hostile programs from exhausting the emulator.
inline constexpr size_t kMaxRank = 8;
inline constexpr int64_t kMaxElements = int64_t{1} << 31;      // of one tensor
inline constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 32; // of all memories of a device

// Parses the bytes of a blob's program section and checks everything (checkProgram). Allocates at
// most a constant times the size of `bytes`.
Result<std::unique_ptr<ProgramT>> readProgram(std::span<const std::byte> bytes,
                                              uint64_t weightsBytes);

// The bytes that readProgram takes. The same program gives the same bytes.
std::vector<std::byte> writeProgram(const ProgramT &program);

// Whether a machine can be as described: positive clocks and rates, names that exist, ...
Result<void> checkDevice(const DeviceT &device);

// Everything that can be said without running it: indices, types, shapes of operands against
// kernels, views inside buffers, buffers inside memories, constants inside the weights, resources
// of a context against the machine's. After it, a run reads and writes no byte outside.
Result<void> checkProgram(const ProgramT &program, uint64_t weightsBytes);

// Bits of one element; 4 for I4 and U4. 0 for types that programs do not have.
unsigned bitsOf(ElementType type);
const char *nameOf(ElementType type); // "f16"

} // namespace edgecc::emulator
