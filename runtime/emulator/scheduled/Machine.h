// SPDX-License-Identifier: Apache-2.0
//
// What a stream of a scheduled program has of its machine.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::emulator {

// The memory that is divided into slices, of which each stream and each running vector unit have
// some; -1 if there is none.
inline int slicedMemory(const ScheduledMachineT &machine) {
  for (size_t i = 0; i < machine.memories.size(); ++i)
    if (machine.memories[i]->slices > 1)
      return static_cast<int>(i);
  return -1;
}

inline uint64_t sliceBytes(const MemoryT &memory) { return memory.bytes / memory.slices; }

// Bytes of a memory that one stream may use. A sliced memory's are its slices; each stream has its
// own, at addresses from 0. Others are shared by all streams.
inline uint64_t capacityOf(const ScheduledMachineT &machine, const ScheduledProgramT &program,
                           size_t memory) {
  const MemoryT &description = *machine.memories[memory];
  if (static_cast<int>(memory) != slicedMemory(machine))
    return description.bytes;
  return sliceBytes(description) * program.slices;
}

// Bytes at the top of a stream's share of the sliced memory that an instruction takes while it
// runs: vector units keep their code and stack there.
inline uint64_t lockedBytes(const ScheduledMachineT &machine, const EngineT &engine,
                            const InstructionT &instruction) {
  int sliced = slicedMemory(machine);
  if (sliced < 0 || engine.slices_per_unit == 0)
    return 0;
  return uint64_t{engine.slices_per_unit} * instruction.units *
         sliceBytes(*machine.memories[static_cast<size_t>(sliced)]);
}

} // namespace edgecc::emulator
