// What budgets and reports want to know of a device program beside what the emulator measured.
#pragma once

#include "runtime/emulator/Emulator.h"

namespace edgecc::driver {

// An op that the device cannot run, and the rule that it breaks.
struct HostOp {
  std::string node, reason;
};

// Whether traffic of a memory (an index of RunReport::memories) leaves the chip: memories that hold
// constants or the interface, and the link of a dataflow machine.
bool isOffChip(const emulator::ProgramT &program, const emulator::RunReport &report, size_t memory);

// Bytes a frame over the memories that are, or are not, off the chip.
uint64_t bytesOf(const emulator::ProgramT &program, const emulator::RunReport &report,
                 const emulator::LayerUse &layer, bool offChip);
uint64_t bytesOf(const emulator::ProgramT &program, const emulator::RunReport &report,
                 bool offChip);

// Bytes that a layer occupies on the chip, over all streams: the buffers of one of its instructions
// with the slices that its vector units lock, or its weights and the ring that it writes. One
// number for each of the program's layers.
std::vector<uint64_t> heldBytes(const emulator::ProgramT &program);

// Highest occupied bytes on the chip, over all streams.
uint64_t peakOnChip(const emulator::ProgramT &program, const emulator::RunReport &report);

// Energy of a frame without the part that is drawn all the time.
double dynamicEnergyUj(const emulator::ProgramT &program, const emulator::RunReport &report);

// Watts at a frame rate.
double wattsAt(const emulator::ProgramT &program, const emulator::RunReport &report, double fps);

// Multiply-accumulates a second that the machine could do at most.
double peakMacsPerSecond(const emulator::DeviceT &device);

} // namespace edgecc::driver
