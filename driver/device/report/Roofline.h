// Where a layer stands against what the machine could do: S. Williams, A. Waterman, D. Patterson,
// "Roofline: an insightful visual performance model", CACM 2009; here with one point for each
// level of memory.
#pragma once

#include "runtime/emulator/Emulator.h"

#include <string>
#include <vector>

namespace edgecc::driver {

struct RooflinePoint {
  size_t layer = 0;
  bool offChip = false;
  double intensity = 0; // multiply-accumulates a byte over that level
  double rate = 0;      // multiply-accumulates a second while the layer is at work
};

struct Roof {
  std::string name;          // "ddr"
  double bytesPerSecond = 0; // of the machine
};

struct Roofline {
  double peak = 0;         // multiply-accumulates a second
  std::vector<Roof> roofs; // of memories and links whose bandwidth is described
  std::vector<RooflinePoint> points;
};

Roofline rooflineOf(const emulator::ProgramT &program, const emulator::RunReport &report);

// What holds a layer back, in a few words: "compute", "memory (ddr)", "start-up".
std::string limitOf(const emulator::ProgramT &program, const emulator::RunReport &report,
                    size_t layer);

} // namespace edgecc::driver
