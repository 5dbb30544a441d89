// What would help: the same model mapped in other ways, the same program on a better machine, and
// sentences about its slowest layers.
#pragma once

#include "backends/device/Device.h"
#include "runtime/emulator/Emulator.h"

#include <string>
#include <vector>

namespace edgecc::driver {

struct WhatIf {
  std::string change; // "16 vector units instead of 7"
  double fps = 0, latencyMs = 0;
  std::string failure; // why it cannot be done; then the numbers are 0
};

// Maps `function` again with other options than those of `program`, which `used` led to, and
// measures each result, all at the same time.
std::vector<WhatIf> tryOptions(const Function &function, const emulator::DeviceT &device,
                               const device::MapOptions &used, const emulator::ProgramT &program);

// Measures the program as it is where one resource of the machine is twice as fast: what gains
// nothing does not limit.
std::vector<WhatIf> tryMachines(const emulator::ProgramT &program);

// What fewer channels in the slowest layers, or other activation functions, would give.
std::vector<std::string> adviceOf(const emulator::ProgramT &program,
                                  const emulator::RunReport &report);

// "16 vector units instead of 7: 28.1 frames a second (+6 %), 54.20 ms (-4 %)"
std::string sentenceOf(const WhatIf &whatIf, const emulator::RunReport &report);

} // namespace edgecc::driver
