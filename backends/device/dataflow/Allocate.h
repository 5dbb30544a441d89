// SPDX-License-Identifier: Apache-2.0
//
// Sub-clusters, controllers, memory and clusters for the nodes of one context, such that the
// slowest is as fast as possible.
#pragma once

#include "backends/device/dataflow/Limits.h"
#include "backends/device/dataflow/RowSchedule.h"

namespace edgecc::device::dataflow {

// cycles of a frame = sum over kinds of rows of count x (overhead + max(port, work /
// sub-clusters)).
struct NodeCost {
  struct Kind {
    double count = 0, work = 0;
  };
  std::vector<Kind> kinds;
  double rows = 0, overhead = 0, port = 0; // of a row
  double work = 0;                         // of all rows

  double fastest() const { return rows * (overhead + port); } // with any number of sub-clusters
  double cycles(double subClusters) const;
  bool needsSubClusters = true;
  uint32_t controllersPerPart = 1;
  uint32_t least = 1;  // parts that weights larger than a cluster's memory are split into
  uint32_t wanted = 0; // sub-clusters that the user asked for; 0: free
};
std::vector<NodeCost> costsOf(const Graph &graph, const emulator::DataflowMachineT &machine,
                              const MapOptions &options, const Limits &limits);

// The least sub-clusters with which a node takes no more than `cycles`; nothing if none are enough.
std::optional<uint32_t> subClustersFor(const NodeCost &cost,
                                       const emulator::DataflowMachineT &machine, double cycles);

// Parts that a node is split into.
uint32_t partsOf(const NodeCost &cost, uint32_t subClusters,
                 const emulator::DataflowMachineT &machine);

// The least period in cycles, at least `floor`, for which sub-clusters and controllers suffice in
// sum, wherever they lie: no allocation is faster. Nothing if there is none.
std::optional<double> relaxedPeriod(std::span<const NodeCost> costs, Segment segment,
                                    const emulator::DataflowMachineT &machine, const Limits &limits,
                                    double floor);

struct Placement {
  uint32_t cluster = 0;
  uint32_t subClusters = 0, controllers = 0;
  uint64_t weightBytes = 0, weightAddress = 0;
};

struct Allocation {
  double periodCycles = 0, boundCycles = 0; // achieved; of the relaxed problem
  std::vector<uint32_t> subClusters; // of each node of the graph; those of the segment are set
  std::vector<std::vector<Placement>> parts; // of each node of the segment, in its clusters
  RowSchedule schedule;                      // with the capacities of rings
  std::vector<Placement> rings;              // of each wire of the graph: cluster and weightAddress
  double latencyUs = 0;                      // of a frame alone
};

// Fails with what does not fit, and by how much.
Expected<Allocation> allocate(const Graph &graph, Segment segment,
                              const emulator::DataflowMachineT &machine,
                              std::span<const NodeCost> costs, const Limits &limits);

} // namespace edgecc::device::dataflow
