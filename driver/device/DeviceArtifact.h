// From a lowered module to a blob with a device program.
#pragma once

#include "backends/device/Device.h"
#include "driver/CompileModel.h"

namespace edgecc::driver {

// Whether --target names a device or a description of one, and not a CPU.
bool isDeviceTarget(const std::string &target);

// Whether the target is a device that computes with integers alone.
bool quantizesForTarget(const std::string &target);

// Whether its engines want integers rather than f16.
bool computesInIntegers(const emulator::DeviceT &device);

// Whether a convolution engine has no dilated windows.
bool hasNoDilation(const emulator::DeviceT &device);

// Fails where an option is about the other kind of machine.
Expected<void> checkDeviceOptions(const CompileOptions &o, const emulator::DeviceT &device);

// Maps the module's first function, compiles what is left to the host, lets the emulator measure
// the program, judges the budget, and writes the blob.
Expected<void> emitDevice(const Module &module, const CompileOptions &o,
                          const emulator::DeviceT &device, CompileSummary &summary);

} // namespace edgecc::driver
