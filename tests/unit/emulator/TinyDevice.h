// A dataflow device with few of everything, on which times can be told by hand.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::emulator {

// One cycle is 10 ns; all work at the full rate, in 64-bit numbers. Tests set what they are about.
inline std::unique_ptr<DeviceT> tinyDataflowDevice() {
  auto device = std::make_unique<DeviceT>();
  device->name = "tiny";
  device->dataflow = std::make_unique<DataflowMachineT>();
  DataflowMachineT &machine = *device->dataflow;
  machine.clock_mhz = 100;
  machine.clusters = 1;
  machine.sub_clusters = 4;
  machine.controllers = 4;
  machine.memory_bytes = 1 << 16;
  machine.macs_per_cycle = 4;
  machine.max_sub_clusters = 2;
  machine.max_parts = 2;
  machine.configuration_gb_s = 1;
  machine.link = std::make_unique<HostLinkT>();
  machine.link->gb_s = 1;
  for (WorkClass work : EnumValuesWorkClass()) {
    machine.work.push_back(std::make_unique<WorkFractionT>());
    machine.work.back()->work = work;
    machine.work.back()->fraction = 1;
  }
  machine.precisions.push_back(std::make_unique<PrecisionRateT>());
  machine.precisions.back()->activation_bits = 64;
  machine.precisions.back()->weight_bits = 64;
  machine.precisions.back()->fraction = 1;
  return device;
}

} // namespace edgecc::emulator
