// SPDX-License-Identifier: Apache-2.0
//
// Dataflow machines: what rows a node reads and writes, and how long each takes. Mapper and
// simulation share it.
#pragma once

#include "runtime/emulator/Cost.h"
#include "runtime/emulator/kernels/Kernels.h"

namespace edgecc::emulator {

// How a stream's tensor is cut into rows.
struct RowShape {
  int64_t rows = 1;       // of a frame
  uint64_t rowBytes = 0;  // of elements
  uint64_t slotBytes = 0; // what a row takes in a ring
  uint64_t linkBytes = 0; // what a row takes on the link: its last axis is padded
};
RowShape rowShapeOf(const StreamT &stream, const DataflowMachineT &machine);

// What one feed of a node asks of its stream, for each output row of a frame.
struct RowDemand {
  size_t input = 0;             // of the node
  uint32_t stream = 0;          // of the context
  std::vector<int32_t> arrived; // rows of the frame that must have come before output row r starts
  // Rows of the frame below this are no longer needed before output row r starts; the last entry,
  // for r = rows, is all of them.
  std::vector<int32_t> released;

  int32_t mostHeld() const; // rows that must lie in the ring at one time
};

// The work of a node, without the resources that it is given.
struct NodeWork {
  int64_t rows = 1; // of the output
  std::vector<RowDemand> demands;
  std::vector<Work> kinds;       // distinct work of rows
  std::vector<uint32_t> kindOf;  // of each row: index of kinds
  std::vector<uint32_t> countOf; // rows of each kind
  unsigned activationBits = 8, weightBits = 8;
  uint64_t rowElements = 0;        // of the output
  uint64_t macs = 0, elements = 0; // of a frame

  // A node writes as many elements a cycle as a word of the machine's row_alignment bytes holds in
  // 8 bits, however many sub-clusters it has.
  double portCycles(const DataflowMachineT &machine) const;
  // Of a kind of row.
  double cyclesOf(const Work &kind, const DataflowMachineT &machine, double subClusters) const;

  // Cycles of each kind of row, and of all rows of a frame.
  std::vector<double> cycles(const DataflowMachineT &machine, double subClusters) const;
  double frameCycles(const DataflowMachineT &machine, double subClusters) const;
};

// `streams` are those of the node's context. Fails if it has more than kMaxRowsOfContext rows.
inline constexpr int64_t kMaxRowsOfContext = int64_t{1} << 22;
Result<NodeWork> workOfNode(const NodeT &node, std::span<const std::unique_ptr<StreamT>> streams);

// All sub-clusters of a node.
uint32_t subClustersOf(const NodeT &node);

} // namespace edgecc::emulator
