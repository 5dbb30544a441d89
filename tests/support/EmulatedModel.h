// A module on an emulated device, for tests.
#pragma once

#include "backends/device/Device.h"
#include "runtime/emulator/Emulator.h"

namespace edgecc::test {

// Lowers a copy of a quantised module to integers, as for dataflow machines.
Expected<std::unique_ptr<Module>> loweredToIntegers(const Module &module);

// Results of a device program. Host parts run on the reference backend. A fault becomes a
// Diagnostic with the name of its kind.
Expected<std::vector<Tensor>> emulate(const Module &module, const device::DeviceCode &code,
                                      std::span<const Tensor> inputs,
                                      const emulator::RunOptions &options = {});

} // namespace edgecc::test
