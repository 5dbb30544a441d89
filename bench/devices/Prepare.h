// A network as a device would run it, without data.
#pragma once

#include "backends/device/Device.h"

namespace edgecc::bench {

// Runs the pipeline for the device on a float module: to f16, or to 8 bits with assumed ranges.
// `shufflePixels`: transposed convolutions become convolutions and pixel shuffles; else
// convolutions over inserted zeros, as the vendor's compiler has it.
Expected<std::unique_ptr<Module>> lowerFor(const emulator::DeviceT &device,
                                           std::unique_ptr<Module> module,
                                           bool shufflePixels = true);

} // namespace edgecc::bench
