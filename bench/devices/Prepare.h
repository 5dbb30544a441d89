// A network as a device would run it, without data.
#pragma once

#include "backends/device/Device.h"
#include "ir/DataSource.h"

namespace edgecc::bench {

// That published rates of dataflow devices are quoted at.
inline constexpr unsigned kPublishedBatch = 8;

// Runs the pipeline for the device on a float module: to f16, or to 8 bits with assumed ranges.
// `shufflePixels`: transposed convolutions become convolutions and pixel shuffles; else
// convolutions over inserted zeros, as the vendor's compiler has it. With `data`, ranges are those
// of its samples.
Expected<std::unique_ptr<Module>> lowerFor(const emulator::DeviceT &device,
                                           std::unique_ptr<Module> module,
                                           bool shufflePixels = true, DataSource *data = nullptr);

} // namespace edgecc::bench
