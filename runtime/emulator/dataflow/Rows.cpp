// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Rows.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator {

RowShape rowShapeOf(const StreamT &stream, const DataflowMachineT &machine) {
  RowShape shape;
  int64_t elements = 1;
  for (int64_t extent : stream.dims)
    elements *= extent;
  if (stream.row_axis >= 0)
    shape.rows = stream.dims[static_cast<size_t>(stream.row_axis)];
  shape.rowBytes = static_cast<uint64_t>(elements / shape.rows) * bitsOf(stream.type) / 8;
  uint64_t alignment = machine.row_alignment;
  shape.slotBytes = (shape.rowBytes + alignment - 1) / alignment * alignment;
  shape.linkBytes = shape.rowBytes;
  if (!stream.dims.empty() && static_cast<int>(stream.dims.size()) - 1 != stream.row_axis) {
    auto width = static_cast<uint64_t>(stream.dims.back());
    uint64_t multiple = machine.link_width_multiple;
    shape.linkBytes = shape.rowBytes / width * ((width + multiple - 1) / multiple * multiple);
  }
  return shape;
}

uint32_t subClustersOf(const NodeT &node) {
  uint32_t sum = node.sub_clusters;
  for (const auto &part : node.more_parts)
    sum += part->sub_clusters;
  return sum;
}

int32_t RowDemand::mostHeld() const {
  int32_t most = 1;
  for (size_t row = 0; row < arrived.size(); ++row)
    most = std::max(most, arrived[row] - released[row]);
  return most;
}

namespace {

int64_t rowsOf(const StreamT &stream) {
  return stream.row_axis < 0 ? 1 : stream.dims[static_cast<size_t>(stream.row_axis)];
}

bool sameWork(const Work &a, const Work &b) {
  return a.kind == b.kind && a.units == b.units && a.stageUnits == b.stageUnits &&
         a.stagesAreCheap == b.stagesAreCheap && a.macs == b.macs && a.elements == b.elements;
}

// Turns the ranges that each row needs into what must have come and what may go.
RowDemand demandOf(const NodeT &node, size_t input, const StreamT &from, const StreamT &to,
                   int64_t rows, std::vector<std::pair<int32_t, int32_t>> &ranges) {
  int64_t available = rowsOf(from);
  RowDemand demand{.input = input, .stream = static_cast<uint32_t>(node.inputs[input]->stream)};
  ranges.resize(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    RowRange range = rowsNeeded(node.kernel, node.stages, input, from.dims, from.row_axis, to.dims,
                                to.row_axis, row);
    int64_t first = std::clamp<int64_t>(range.first, 0, available);
    int64_t end = std::clamp<int64_t>(range.last + 1, first, available);
    ranges[static_cast<size_t>(row)] = {static_cast<int32_t>(first), static_cast<int32_t>(end)};
  }
  demand.arrived.resize(static_cast<size_t>(rows));
  demand.released.resize(static_cast<size_t>(rows) + 1);
  demand.released[static_cast<size_t>(rows)] = static_cast<int32_t>(available);
  for (size_t row = static_cast<size_t>(rows); row-- > 0;) {
    // Rows that no window touches are passed by.
    bool reads = ranges[row].second > ranges[row].first;
    demand.arrived[row] = reads ? ranges[row].second : 0;
    demand.released[row] = std::min(demand.released[row + 1],
                                    reads ? ranges[row].first : static_cast<int32_t>(available));
  }
  return demand;
}

} // namespace

Result<NodeWork> workOfNode(const NodeT &node, std::span<const std::unique_ptr<StreamT>> streams) {
  const StreamT &to = *streams[node.output];
  NodeWork work;
  work.rows = rowsOf(to);
  if (work.rows > kMaxRowsOfContext / static_cast<int64_t>(node.inputs.size() + 1))
    return fault(FaultKind::BadProgram, fmt::format("a node with {} rows", work.rows),
                 static_cast<int>(node.layer));
  std::vector<std::vector<int64_t>> inputDims;
  std::vector<std::vector<std::pair<int32_t, int32_t>>> ranges(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const FeedT &feed = *node.inputs[i];
    if (feed.stream < 0) {
      inputDims.push_back(feed.constant->dims);
      continue;
    }
    const StreamT &from = *streams[static_cast<size_t>(feed.stream)];
    inputDims.push_back(from.dims);
    work.demands.push_back(demandOf(node, i, from, to, work.rows, ranges[i]));
  }
  if (!node.inputs.empty()) {
    const FeedT &first = *node.inputs[0];
    work.activationBits = bitsOf(
        first.stream < 0 ? first.constant->type : streams[static_cast<size_t>(first.stream)]->type);
    work.weightBits = work.activationBits;
  }
  bool hasConstantWeights = false;
  if (node.kernel.AsContraction() && node.inputs.size() > 1) {
    const FeedT &second = *node.inputs[1];
    hasConstantWeights = second.stream < 0;
    work.weightBits = bitsOf(second.stream < 0 ? second.constant->type
                                               : streams[static_cast<size_t>(second.stream)]->type);
  }
  std::vector<int64_t> outputDims = to.dims;
  if (to.row_axis >= 0)
    outputDims[static_cast<size_t>(to.row_axis)] = 1;
  work.rowElements = 1;
  for (int64_t extent : outputDims)
    work.rowElements *= static_cast<uint64_t>(extent);
  work.kindOf.reserve(static_cast<size_t>(work.rows));
  for (size_t row = 0; row < static_cast<size_t>(work.rows); ++row) {
    for (const RowDemand &demand : work.demands) {
      const StreamT &from = *streams[demand.stream];
      if (from.row_axis >= 0)
        inputDims[demand.input][static_cast<size_t>(from.row_axis)] =
            ranges[demand.input][row].second - ranges[demand.input][row].first;
    }
    Work rowWork = workOf(node.kernel, node.stages, inputDims, outputDims);
    if (hasConstantWeights && rowWork.kind == WorkClass::Product)
      rowWork.kind = WorkClass::Dense;
    work.macs += rowWork.macs;
    work.elements += rowWork.elements;
    size_t kind = 0;
    while (kind < work.kinds.size() && !sameWork(work.kinds[kind], rowWork))
      ++kind;
    // Windows at borders give a handful of kinds; rows beyond that cost as the largest would.
    constexpr size_t kMaxKinds = 256;
    if (kind == work.kinds.size() && kind < kMaxKinds) {
      work.kinds.push_back(rowWork);
      work.countOf.push_back(0);
    } else if (kind == work.kinds.size()) {
      kind = static_cast<size_t>(std::ranges::max_element(work.kinds, {}, &Work::units) -
                                 work.kinds.begin());
    }
    work.kindOf.push_back(static_cast<uint32_t>(kind));
    ++work.countOf[kind];
  }
  return work;
}

double NodeWork::portCycles(const DataflowMachineT &machine) const {
  return static_cast<double>((rowElements + machine.row_alignment - 1) / machine.row_alignment);
}

double NodeWork::cyclesOf(const Work &kind, const DataflowMachineT &machine,
                          double subClusters) const {
  return std::max(rowCycles(machine, kind, activationBits, weightBits, subClusters),
                  machine.row_overhead_cycles + portCycles(machine));
}

std::vector<double> NodeWork::cycles(const DataflowMachineT &machine, double subClusters) const {
  std::vector<double> result;
  for (const Work &kind : kinds)
    result.push_back(cyclesOf(kind, machine, subClusters));
  return result;
}

double NodeWork::frameCycles(const DataflowMachineT &machine, double subClusters) const {
  double sum = 0;
  for (size_t i = 0; i < kinds.size(); ++i)
    sum += countOf[i] * cyclesOf(kinds[i], machine, subClusters);
  return sum;
}

} // namespace edgecc::emulator
