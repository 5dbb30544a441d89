// SPDX-License-Identifier: Apache-2.0
//
// What one instruction, or one row of a dataflow node, costs. The mapper's estimates and the
// emulator's clock call the same functions, so they can differ only by what runs at the same time.
#pragma once

#include "runtime/emulator/Program.h"

#include <array>

namespace edgecc::emulator {

inline constexpr size_t kMaxMemories = 8; // of a scheduled machine

// Size of the work of a kernel with its stages.
struct Work {
  WorkClass kind = WorkClass::Arithmetic;
  double units = 0;           // in the unit that WorkClass states
  double stageUnits = 0;      // elements times stages behind a kernel that is not a Map
  bool stagesAreCheap = true; // none of them is transcendental
  uint64_t macs = 0;          // multiply-accumulates
  uint64_t elements = 0;      // of the output
};

// Shapes as in the instruction's views: a tile's are the tile's. A matrix product is a Product
// here, also by constants; who knows better makes it Dense.
Work workOf(const KernelUnion &kernel, std::span<const std::unique_ptr<StageT>> stages,
            std::span<const std::vector<int64_t>> inputDims, std::span<const int64_t> outputDims);

bool isTranscendental(Function function);

struct Cost {
  double issueUs = 0;   // before the engine works
  double computeUs = 0; // of the engine and its own port, if no memory held it up
  // Bytes that go over each memory's ports. While several instructions run, they share the
  // bandwidth.
  std::array<uint64_t, kMaxMemories> read{}, written{};
  uint64_t macs = 0;
  double energyPj = 0; // dynamic

  uint64_t bytes(size_t memory) const { return read[memory] + written[memory]; }
};

// The cost of an instruction on an engine of a scheduled machine. `memoryOf` has the memory of each
// buffer. An engine that cannot run the work gives an infinite computeUs.
Cost costOf(const DeviceT &device, const EngineT &engine, const InstructionT &instruction,
            std::span<const uint32_t> memoryOf);

// Time of it when nothing else runs: issue, then the slower of computing and each memory.
double aloneUs(const DeviceT &device, const Cost &cost);

// Cycles of a convolution engine for one descriptor list: the vendor's public cost function
// (openvino, middleend/hw/tiling): positions x descriptors x (ceil(in / in_block) x taps + extra).
double convolutionCycles(const ConvolutionModeT &mode, uint64_t inChannels, uint64_t outChannels,
                         uint64_t taps, uint64_t positions);

// Time of a host part on the machine that the device is plugged into; 0 where it has none.
double hostUs(const DeviceT &device, uint64_t macs, uint64_t elements);

// Layers that a node of a dataflow machine with this kernel is made of; each takes controllers.
unsigned layersOf(const DataflowMachineT &machine, const KernelUnion &kernel);

// Cycles of one output row of a dataflow node on `subClusters` of a machine; `row` is the work of
// that row, bits those of the operands. Infinite if the machine cannot do such work.
double rowCycles(const DataflowMachineT &machine, const Work &row, unsigned activationBits,
                 unsigned weightBits, double subClusters);

} // namespace edgecc::emulator
