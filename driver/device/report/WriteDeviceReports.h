// The files that a compile for a device writes beside the blob.
#pragma once

#include "driver/CompileModel.h"
#include "driver/Console.h"

namespace edgecc::driver {

// Writes --report, --report-json and --trace, where they were asked for. `module` is what the
// program was mapped from: for the report it is mapped again in other ways.
Expected<void> writeDeviceReports(const CompileOptions &o, const Module &module,
                                  const emulator::DeviceT &device, CompileSummary &summary,
                                  Progress &progress);

} // namespace edgecc::driver
