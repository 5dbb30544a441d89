// A scheduled machine as one stream of a program sees it.
#pragma once

#include "backends/device/Device.h"
#include "runtime/emulator/Cost.h"

namespace edgecc::device::scheduled {

struct StreamMachine {
  const emulator::DeviceT *device = nullptr;
  const emulator::ScheduledMachineT *machine = nullptr;

  unsigned streams = 1;
  unsigned vectorUnits = 0; // of each stream
  unsigned slices = 0;      // of the local memory, of each stream

  // Memories. `local` is near the engines and small; -1 where all is in `main`, which holds
  // constants, inputs and outputs.
  int local = -1;
  uint32_t main = 0;
  uint64_t localBytes = 0; // a stream's share
  uint64_t tileBytes = 0;  // limit of one tile of results

  // Engines, -1 where there is none, and the queues of a stream on each.
  int convolution = -1, vector = -1, transfer = -1, host = -1;
  unsigned convolutionQueues = 0, transferQueues = 0;

  const emulator::EngineT &engine(int index) const {
    return *machine->engines[static_cast<size_t>(index)];
  }
  const emulator::MemoryT &memory(uint32_t index) const { return *machine->memories[index]; }
  bool reaches(int engine, uint32_t memory) const;
};

// Divides the machine among streams as the options ask; says which rule they break.
Expected<StreamMachine> divideMachine(const emulator::DeviceT &device, const MapOptions &options);

} // namespace edgecc::device::scheduled
