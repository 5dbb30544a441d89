// SPDX-License-Identifier: Apache-2.0
//
// Parts of layers and rings into clusters: bin packing with three resources.
#pragma once

#include "backends/device/dataflow/Limits.h"

#include <optional>

namespace edgecc::device::dataflow {

struct Item {
  uint32_t subClusters = 0, controllers = 0;
  uint64_t bytes = 0;
};

// The cluster of each item, or nothing if no order that was tried fits. Deterministic.
std::optional<std::vector<uint32_t>> packItems(std::span<const Item> items, const Limits &limits);

} // namespace edgecc::device::dataflow
