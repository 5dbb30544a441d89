// edgecc inspect for blobs with a device program.
#pragma once

#include "driver/device/Budget.h"
#include "ir/Diagnostic.h"
#include "runtime/blob/BlobView.h"

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>

namespace edgecc::driver {

// A device program, and what it costs by the emulator's count.
struct InspectedDevice {
  std::unique_ptr<emulator::ProgramT> program;
  emulator::RunReport measured;
};

// `bytes` is the whole file, `view` what was parsed of it. Host parts are not loaded, so that blobs
// whose parts are for another CPU can be looked at.
Expected<InspectedDevice> openDevice(std::span<const std::byte> bytes, const blob::BlobView &view,
                                     const std::string &path, bool timeline);

// The `device` object of inspect --json.
nlohmann::json inspectDevice(const InspectedDevice &device, const blob::DeviceProgram &metadata);

// The same content as text, with a line for each layer.
void printDevice(const nlohmann::json &device);

} // namespace edgecc::driver
