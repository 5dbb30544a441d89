// From a module to a device program. The module has been lowered for the device: integer ops with
// explicit requantisation, or f16; no fused groups, no layouts.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"
#include "ir/TargetModel.h"
#include "runtime/emulator/Program.h"

#include <filesystem>
#include <map>
#include <memory>

namespace edgecc::device {

// The names of the descriptions that come with edgecc: "myriadx", "hailo8", "hailo8l", ...
std::vector<std::string> deviceNames();

// Reads a description by name, or from a JSON file in the schema of
// runtime/emulator/schema/device.fbs (if `nameOrPath` ends in .json). Says which field is wrong and
// where.
Expected<emulator::DeviceT> loadDevice(const std::string &nameOrPath);

struct MapOptions {
  // Scheduled machines. 0: the device's default.
  unsigned units = 0;   // vector units of each stream ("SHAVEs")
  unsigned streams = 0; // copies of the program side by side
  // Dataflow machines.
  unsigned batch = 1;
  double computeCap = 0, controlCap = 0, memoryCap = 0; // utilisation; 0: the device's
  unsigned contexts = 0;                       // 0: one if it fits, else what takes least time
  std::map<std::string, unsigned> subClusters; // of a layer, by name
  // Both.
  bool allowHost = true; // ops that the device cannot run, on the host
};

// Ops that run on the host: a module of its own, compiled natively by the caller.
struct HostPart {
  std::unique_ptr<Module> module;
  std::vector<std::string> nodes; // ONNX nodes, each with the rule that it broke
  std::vector<std::string> reasons;
};

struct DeviceCode {
  emulator::ProgramT program;
  std::vector<std::byte> weights;
  std::vector<HostPart> hostParts;
  std::vector<std::string> notes; // sentences for the user: splits, spills, solver's gap
};

// Fails with all the layers that do not fit, each with the resource and the amount.
Expected<DeviceCode> mapFunction(const Function &function, const emulator::DeviceT &device,
                                 const MapOptions &options);

// Legality and cost for passes.
std::unique_ptr<TargetModel> makeTargetModel(const emulator::DeviceT &device);

} // namespace edgecc::device
