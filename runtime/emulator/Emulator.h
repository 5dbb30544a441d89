// SPDX-License-Identifier: Apache-2.0
//
// Runs a device program as the device would: a simulation of events in which buffers lie at their
// addresses, engines run side by side and rows wait for room. One simulation gives numbers, time
// and energy; a wrong schedule gives wrong numbers or a fault. One thread may use an Emulator at a
// time.
#pragma once

#include "runtime/emulator/Program.h"

#include <functional>
#include <optional>
#include <string>

namespace edgecc::emulator {

// Runs host part `part`: inputs and outputs are packed tensors in the order of its ports.
using HostFunction =
    std::function<Result<void>(unsigned part, std::span<const std::span<const std::byte>> inputs,
                               std::span<const std::span<std::byte>> outputs)>;

struct RunOptions {
  bool numerics = true;  // false: time alone; nothing is computed, inputs and outputs may be empty
  unsigned frames = 1;   // in sequence, pipelined as the program allows; numerics: the same inputs
  unsigned streams = 0;  // of a scheduled program; 0: the program's
  bool timeline = false; // record RunReport::timeline
  bool checks = true;    // ordering, overlap, initialisation of buffers (scheduled)
};

// Something that took time, for traces.
struct Span {
  std::string track; // "nce0", "shaves (stream 1)", "layer conv1", "pcie"
  int layer = -1;    // of the program's layers
  unsigned frame = 0;
  double startUs = 0, endUs = 0;
};

struct LayerUse {
  double startUs = 0, endUs = 0; // of the first frame
  double busyUs = 0;             // of its engine or node, one frame
  double stalledUs = 0;          // waiting for memory bandwidth, rows or room
  uint64_t macs = 0;
  double utilization = 0;      // of its engine's or node's peak while busy
  std::vector<uint64_t> bytes; // over each memory (RunReport::memories), one frame
  double energyUj = 0;         // dynamic, one frame
};

struct MemoryUse {
  std::string name;
  uint64_t capacity = 0, peak = 0;                    // bytes; peak: highest occupied
  uint64_t read = 0, written = 0;                     // bytes a frame
  double busy = 0;                                    // fraction of the bandwidth used over the run
  std::vector<std::pair<double, uint64_t>> occupancy; // (us, live bytes), with timeline
};

struct EngineUse {
  std::string name;
  double busy = 0; // fraction of the run
};

// A value that is no number or not finite, computed from finite ones.
struct NonFinite {
  int layer = -1; // of the program's layers: the first that gave one
  bool isNaN = false;
  uint64_t count = 0; // of elements that the instruction gave
};

struct RunReport {
  double latencyUs = 0; // of the first frame, alone on the device
  double fps = 0;       // steady state with all streams, or batches
  unsigned streams = 1, batch = 1, contexts = 1;
  double energyUj = 0;    // a frame, with the static part
  std::string bottleneck; // what limits fps, in words
  std::vector<LayerUse> layers;
  std::vector<EngineUse> engines;
  std::vector<MemoryUse> memories; // dataflow: "cluster0"..., "link"
  std::vector<Span> timeline;
  std::optional<NonFinite> nonFinite; // of scheduled programs, where numbers were computed
};

class Emulator {
public:
  // `program` must have passed checkProgram with weights of this size; both must outlive the
  // emulator.
  Emulator(const ProgramT &program, std::span<const std::byte> weights, HostFunction host = {});

  // One or more frames. Inputs and outputs are packed tensors in the order of the ports.
  Result<RunReport> run(std::span<const std::span<const std::byte>> inputs,
                        std::span<const std::span<std::byte>> outputs,
                        const RunOptions &options = {});

private:
  const ProgramT &program_;
  std::span<const std::byte> weights_;
  HostFunction host_;
};

// Latency of a frame alone and frame rate in steady state, without computing anything: what reports
// and estimates quote. Runs as many frames as it takes for the rate to settle.
Result<RunReport> measure(const ProgramT &program, bool timeline = false);

// The program as text, one instruction or node a line.
std::string disassemble(const ProgramT &program);

} // namespace edgecc::emulator
