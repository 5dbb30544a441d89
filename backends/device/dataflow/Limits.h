// SPDX-License-Identifier: Apache-2.0
//
// What a context may use of a machine: its amounts under the utilisation caps.
#pragma once

#include "backends/device/Device.h"

#include <algorithm>

namespace edgecc::device::dataflow {

struct Limits {
  uint32_t clusters = 1;
  uint64_t subClusters = 0, controllers = 0, memory = 0; // of each cluster

  uint64_t allSubClusters() const { return clusters * subClusters; }
  uint64_t allControllers() const { return clusters * controllers; }
  uint64_t allMemory() const { return clusters * memory; }
};

inline Limits limitsOf(const emulator::DataflowMachineT &machine, const MapOptions &options) {
  auto capped = [](double amount, double cap, double wanted) {
    return static_cast<uint64_t>(amount * (wanted > 0 ? std::min(wanted, 1.0) : cap) + 1e-9);
  };
  return {machine.clusters, capped(machine.sub_clusters, machine.compute_cap, options.computeCap),
          capped(machine.controllers, machine.control_cap, options.controlCap),
          capped(static_cast<double>(machine.memory_bytes), machine.memory_cap, options.memoryCap)};
}

} // namespace edgecc::device::dataflow
