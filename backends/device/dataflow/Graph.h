// SPDX-License-Identifier: Apache-2.0
//
// A function as nodes and streams of one endless context, before anything is placed.
#pragma once

#include "backends/device/dataflow/HostWork.h"
#include "runtime/emulator/dataflow/Rows.h"

namespace edgecc::device::dataflow {

// A tensor that is computed on the device, or comes from the host.
struct Wire {
  std::unique_ptr<emulator::StreamT>
      stream;                        // shape, rows, name; role Input or Output with the port
  int writer = -1;                   // node; -1: the host
  int hostStep = -1;                 // that writes it; -1 with writer -1: an input
  std::vector<uint32_t> readers;     // nodes, each once
  std::vector<uint32_t> hostReaders; // host steps
  bool isOutput = false;             // of the function
  emulator::RowShape shape;
};

// Device work with rows. `node` has wires where a program's nodes have streams.
struct GraphNode {
  std::unique_ptr<emulator::NodeT> node;
  emulator::NodeWork work;
  uint64_t weightBytes = 0; // of constants
  std::string name;         // of its layer
};

struct HostCallStep {
  unsigned part = 0;
  size_t before = 0; // runs before this node, after those in front of it
  uint32_t layer = 0;
  HostWork work;
  double us = 0;                         // for a frame
  std::vector<uint32_t> inputs, outputs; // wires
};

struct Graph {
  std::vector<Wire> wires;
  std::vector<GraphNode> nodes;        // in an order in which they can run
  std::vector<HostCallStep> hostSteps; // in such an order, too
  std::vector<std::unique_ptr<emulator::LayerT>> layers;
};

// Row axes are chosen so that nodes hold few rows. Constants go to `weights`.
Expected<Graph> makeGraph(const Function &function, const Tasks &tasks,
                          const emulator::DeviceT &device, WeightsBuilder &weights);

// The axis along which a tensor that `kernel` writes is cut: the one for which the least has to be
// held of operands and result; -1 to leave it whole.
int chooseRowAxis(const emulator::NodeT &node, std::span<const Wire> wires, const Dims &dims,
                  unsigned elementBytes);

// Axes that may be cut, the usual one first.
std::vector<int> rowAxisCandidates(const Dims &dims, unsigned elementBytes);

// Bytes of operands and result that the node holds at one time, if its result is cut along `axis`.
double heldBytes(const emulator::NodeT &node, std::span<const Wire> wires, const Dims &dims,
                 unsigned elementBytes, int axis);

} // namespace edgecc::device::dataflow
