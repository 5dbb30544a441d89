// SPDX-License-Identifier: Apache-2.0
//
// Along which axis each tensor flows. A convolution that reads rows along y and writes rows along y
// holds a window; one that wrote along x would hold all of its input.
#include "backends/device/dataflow/Graph.h"

#include <algorithm>

namespace edgecc::device::dataflow {

namespace {

// Rows that are smaller than this cost more in control than they save in memory.
constexpr int64_t kLeastRowBytes = 64;

size_t usualAxis(size_t rank) { return rank >= 4 ? 2 : rank == 3 ? 1 : 0; }

int64_t extentsBut(const Dims &dims, int axis) {
  int64_t product = 1;
  for (size_t i = 0; i < dims.size(); ++i)
    if (static_cast<int>(i) != axis)
      product *= dims[i];
  return product;
}

} // namespace

std::vector<int> rowAxisCandidates(const Dims &dims, unsigned elementBytes) {
  std::vector<int> candidates;
  if (dims.size() < 2)
    return candidates;
  size_t usual = usualAxis(dims.size());
  if (dims[usual] > 1)
    candidates.push_back(static_cast<int>(usual));
  if (dims.size() > 2)
    for (size_t i = dims.size(); i-- > 0;)
      if (i != usual && dims[i] > 1 &&
          extentsBut(dims, static_cast<int>(i)) * elementBytes >= kLeastRowBytes)
        candidates.push_back(static_cast<int>(i));
  return candidates;
}

double heldBytes(const emulator::NodeT &node, std::span<const Wire> wires, const Dims &dims,
                 unsigned elementBytes, int axis) {
  int64_t rows = axis < 0 ? 1 : dims[static_cast<size_t>(axis)];
  // Two rows of the result: one is written while the other is read.
  double held = 2.0 * static_cast<double>(extentsBut(dims, axis)) * elementBytes;
  if (axis < 0)
    held = 2.0 * static_cast<double>(extentsBut(dims, -1)) * elementBytes;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const emulator::FeedT &feed = *node.inputs[i];
    if (feed.stream < 0)
      continue;
    const emulator::StreamT &from = *wires[static_cast<size_t>(feed.stream)].stream;
    int64_t available = from.row_axis < 0 ? 1 : from.dims[static_cast<size_t>(from.row_axis)];
    int64_t most = 1;
    for (int64_t row : {int64_t{0}, rows / 2, rows - 1}) {
      emulator::RowRange range = emulator::rowsNeeded(node.kernel, node.stages, i, from.dims,
                                                      from.row_axis, dims, axis, row);
      most =
          std::max(most, std::min(range.last + 1, available) - std::max<int64_t>(range.first, 0));
    }
    held += static_cast<double>(most) * static_cast<double>(extentsBut(from.dims, from.row_axis)) *
            emulator::bitsOf(from.type) / 8;
  }
  return held;
}

int chooseRowAxis(const emulator::NodeT &node, std::span<const Wire> wires, const Dims &dims,
                  unsigned elementBytes) {
  // Tensors that flow along different axes meet in whole tensors only, so the usual axis is left
  // for a great gain alone; and rows must halve what is held to be worth their control.
  constexpr double kGreatGain = 16, kWorthRows = 2;
  int chosen = -1;
  double best = heldBytes(node, wires, dims, elementBytes, -1) / kWorthRows;
  for (int axis : rowAxisCandidates(dims, elementBytes)) {
    double held = heldBytes(node, wires, dims, elementBytes, axis);
    if (held * (chosen < 0 ? 1 : kGreatGain) < best) {
      best = held;
      chosen = axis;
    }
  }
  return chosen;
}

} // namespace edgecc::device::dataflow
