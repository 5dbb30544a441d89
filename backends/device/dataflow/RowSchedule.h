// SPDX-License-Identifier: Apache-2.0
//
// When each row of a context is computed if rings never fill: start = max(end of the row before,
// arrival of what it reads). It tells how long a frame takes to flow through, and how many rows lie
// in each ring when frames come at a given pace. Rings of that size allow this very schedule, and a
// network of rows is a marked graph, in which starting earlier never delays anything: so the
// device, which starts rows as early as it can, keeps that pace too and cannot deadlock (Commoner,
// Holt, Even, Pnueli, "Marked directed graphs", 1971; Baccelli et al., "Synchronization and
// Linearity", 1992).
#pragma once

#include "backends/device/dataflow/Graph.h"

namespace edgecc::device::dataflow {

// Nodes [begin, end) of a graph as one context.
struct Segment {
  size_t begin = 0, end = 0;
};

// What goes over the link to and from a segment.
struct SegmentLink {
  std::vector<uint32_t> in, out;      // wires
  uint64_t inBytes = 0, outBytes = 0; // of a frame
};
SegmentLink linkOf(const Graph &graph, Segment segment);

// Host steps that run with a segment: those in front of one of its nodes; those behind all nodes
// run with the last segment.
std::vector<const HostCallStep *> hostStepsOf(const Graph &graph, Segment segment);

// No frame takes less than the link and the host need for it.
double leastPeriodUs(const Graph &graph, Segment segment,
                     const emulator::DataflowMachineT &machine);

struct RowSchedule {
  double latencyUs = 0;             // of a frame alone (frameLatencyUs)
  std::vector<uint64_t> capacities; // of each wire of the graph; 0: not in the segment
  std::vector<double> firstUs;      // start of the first row of each node of the segment
};

// `subClusters` of each node of the graph; frames come every `periodUs`, row by row evenly.
RowSchedule scheduleRows(const Graph &graph, Segment segment,
                         const emulator::DataflowMachineT &machine,
                         std::span<const uint32_t> subClusters, double periodUs);

// Time that one frame takes alone: it comes as fast as the link is, and rings have `capacities`.
double frameLatencyUs(const Graph &graph, Segment segment,
                      const emulator::DataflowMachineT &machine,
                      std::span<const uint32_t> subClusters, std::span<const uint64_t> capacities);

} // namespace edgecc::device::dataflow
