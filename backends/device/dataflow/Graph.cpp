// SPDX-License-Identifier: Apache-2.0
#include "backends/device/dataflow/Graph.h"

#include "backends/device/tasks/Layers.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::dataflow {

using emulator::StreamRole;

namespace {

constexpr uint64_t kConstantAlignment = 16;

class GraphMaker {
public:
  GraphMaker(const Function &function, const emulator::DeviceT &device, WeightsBuilder &weights)
      : function_(function), device_(device), machine_(*device.dataflow), weights_(weights) {}

  Expected<Graph> run(const Tasks &tasks) {
    for (unsigned i = 0; i < function_.body.numArguments(); ++i)
      addInput(i);
    for (const Task &task : tasks.list) {
      if (task.hostPart >= 0)
        addHostStep(task);
      else
        EDGECC_CHECK(addNode(task));
    }
    for (unsigned port = 0; port < function_.body.yields().size(); ++port)
      EDGECC_CHECK(addOutput(port));
    return std::move(graph_);
  }

private:
  uint32_t addWire(const Value &value, std::string name) {
    Wire wire;
    wire.stream = std::make_unique<emulator::StreamT>();
    wire.stream->name = std::move(name);
    wire.stream->type = elementTypeOf(value.type.dtype);
    wire.stream->dims = value.dims();
    graph_.wires.push_back(std::move(wire));
    return static_cast<uint32_t>(graph_.wires.size() - 1);
  }

  static std::string nameOf(const Value &value) {
    if (!value.provenance.tensor.empty())
      return value.provenance.tensor;
    const Op *op = value.definingOp();
    return op ? op->location : "input";
  }

  void setRows(uint32_t wire, int axis) {
    graph_.wires[wire].stream->row_axis = axis;
    graph_.wires[wire].shape = emulator::rowShapeOf(*graph_.wires[wire].stream, machine_);
  }

  // Inputs are cut when the nodes that read them are known to like it: along the usual axis, but
  // for the three-axis tensors of one-dimensional convolutions.
  void addInput(unsigned port) {
    const Value &value = *function_.body.argument(port);
    uint32_t wire = addWire(value, function_.inputs[port].name);
    graph_.wires[wire].stream->role = StreamRole::Input;
    graph_.wires[wire].stream->port = port;
    wireOf_[&value] = wire;
    setRows(wire, hostRowAxis(value));
  }

  int hostRowAxis(const Value &value) const {
    unsigned bytes = std::max(8u, bitWidth(value.type.dtype)) / 8;
    std::vector<int> candidates = rowAxisCandidates(value.dims(), bytes);
    bool feedsConvolution = std::ranges::any_of(value.uses(), [](const Use &use) {
      return use.operand == 0 &&
             (use.user->kind() == OpKind::Conv || use.user->kind() == OpKind::QuantizeLinear);
    });
    if (value.dims().size() == 3 && feedsConvolution)
      std::erase_if(candidates, [](int axis) { return axis != 2; });
    return candidates.empty() ? -1 : candidates.front();
  }

  std::unique_ptr<emulator::FeedT> feedOf(const Value &value, const Dims &dims, GraphNode &node) {
    auto feed = std::make_unique<emulator::FeedT>();
    if (const Tensor *constant = constantOf(&value)) {
      feed->constant = std::make_unique<emulator::ViewT>();
      emulator::ViewT &view = *feed->constant;
      view.type = elementTypeOf(constant->type().dtype);
      view.dims = dims;
      unsigned bits = emulator::bitsOf(view.type);
      auto offset = static_cast<int64_t>(weights_.add(*constant, kConstantAlignment));
      view.offset = bits == 4 ? offset * 2 : offset;
      view.strides.assign(dims.size(), 0);
      int64_t stride = bits == 4 ? 1 : bits / 8;
      for (size_t i = dims.size(); i-- > 0; stride *= dims[i])
        view.strides[i] = stride;
      node.weightBytes += static_cast<uint64_t>(bytesOf(value.type));
      return feed;
    }
    feed->stream = static_cast<int32_t>(reshaped(value, dims));
    return feed;
  }

  // The wire of a value, by way of a node that copies it where it is seen with another shape.
  uint32_t reshaped(const Value &value, const Dims &dims) {
    uint32_t wire = wireOf_.at(&value);
    if (dims == value.dims())
      return wire;
    GraphNode copy = newNode(fmt::format("{} (reshaped)", nameOf(value)));
    emulator::MoveT move;
    auto flat = std::make_unique<emulator::CopyT>();
    flat->dims = {value.type.elements()};
    flat->from_strides = flat->to_strides = {1};
    move.copies.push_back(std::move(flat));
    copy.node->kernel.Set(std::move(move));
    auto feed = std::make_unique<emulator::FeedT>();
    feed->stream = static_cast<int32_t>(wire);
    copy.node->inputs.push_back(std::move(feed));
    uint32_t to = addWire(value, copy.name);
    graph_.wires[to].stream->dims = dims;
    graph_.layers.push_back(layerNamed(copy.name, "Reshape", value));
    finishNode(std::move(copy), to);
    return to;
  }

  static std::unique_ptr<emulator::LayerT> layerNamed(const std::string &name,
                                                      const std::string &op, const Value &value) {
    auto layer = std::make_unique<emulator::LayerT>();
    layer->name = name;
    layer->op = op;
    layer->type = edgecc::name(value.type.dtype);
    return layer;
  }

  GraphNode newNode(std::string name) {
    GraphNode node;
    node.node = std::make_unique<emulator::NodeT>();
    node.name = std::move(name);
    return node;
  }

  // The node's layer is the last one.
  Expected<void> finishNode(GraphNode node, uint32_t to) {
    emulator::NodeT &made = *node.node;
    made.output = to;
    made.layer = static_cast<uint32_t>(graph_.layers.size() - 1);
    const emulator::StreamT &stream = *graph_.wires[to].stream;
    setRows(to, chooseRowAxis(made, graph_.wires, stream.dims, emulator::bitsOf(stream.type) / 8));
    std::vector<std::unique_ptr<emulator::StreamT>> streams; // lent
    for (Wire &wire : graph_.wires)
      streams.push_back(std::move(wire.stream));
    auto work = emulator::workOfNode(made, streams);
    for (size_t i = 0; i < streams.size(); ++i)
      graph_.wires[i].stream = std::move(streams[i]);
    if (!work)
      return error(work.error().message, node.name);
    node.work = std::move(*work);
    auto index = static_cast<uint32_t>(graph_.nodes.size());
    graph_.wires[to].writer = static_cast<int>(index);
    for (const auto &demand : node.work.demands) {
      auto &readers = graph_.wires[demand.stream].readers;
      if (readers.empty() || readers.back() != index)
        readers.push_back(index);
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  Expected<void> addNode(const Task &task) {
    auto layer = layerOf(task);
    GraphNode node = newNode(layer->name);
    for (size_t i = 0; i < task.inputs.size(); ++i)
      node.node->inputs.push_back(feedOf(*task.inputs[i], task.inputDims[i], node));
    node.node->kernel = task.kernel;
    for (const auto &stage : task.stages)
      node.node->stages.push_back(std::make_unique<emulator::StageT>(*stage));
    uint32_t to = addWire(*task.output(), nameOf(*task.output()));
    graph_.layers.push_back(std::move(layer));
    EDGECC_CHECK(finishNode(std::move(node), to));
    wireOf_[task.output()] = to;
    return {};
  }

  void addHostStep(const Task &task) {
    auto index = static_cast<uint32_t>(graph_.hostSteps.size());
    HostCallStep step;
    step.part = static_cast<unsigned>(task.hostPart);
    step.before = graph_.nodes.size();
    step.work = hostWorkOf(task);
    step.us = emulator::hostUs(device_, step.work.macs, step.work.elements);
    graph_.layers.push_back(layerOf(task));
    step.layer = static_cast<uint32_t>(graph_.layers.size() - 1);
    graph_.layers.back()->estimated_us = step.us;
    for (const Value *input : task.inputs) {
      step.inputs.push_back(wireOf_.at(input));
      graph_.wires[step.inputs.back()].hostReaders.push_back(index);
    }
    for (const Value *output : task.outputs) {
      uint32_t wire = addWire(*output, nameOf(*output));
      graph_.wires[wire].hostStep = static_cast<int>(index);
      setRows(wire, hostRowAxis(*output));
      wireOf_[output] = wire;
      step.outputs.push_back(wire);
    }
    graph_.hostSteps.push_back(std::move(step));
  }

  // Each output has a wire of its own that something computes: inputs, constants and values that
  // are yielded twice are copied.
  Expected<void> addOutput(unsigned port) {
    const Value &value = *function_.body.yields()[port];
    auto known = wireOf_.find(&value);
    if (known != wireOf_.end()) {
      Wire &wire = graph_.wires[known->second];
      if ((wire.writer >= 0 || wire.hostStep >= 0) && !wire.isOutput) {
        markOutput(known->second, port);
        return {};
      }
    }
    GraphNode copy = newNode(function_.outputs[port].name);
    copy.node->kernel.Set(emulator::MapT());
    copy.node->inputs.push_back(feedOf(value, value.dims(), copy));
    uint32_t to = addWire(value, copy.name);
    graph_.layers.push_back(layerNamed(copy.name, "Identity", value));
    EDGECC_CHECK(finishNode(std::move(copy), to));
    markOutput(to, port);
    return {};
  }

  void markOutput(uint32_t index, unsigned port) {
    Wire &wire = graph_.wires[index];
    wire.isOutput = true;
    wire.stream->role = StreamRole::Output;
    wire.stream->port = port;
  }

  const Function &function_;
  const emulator::DeviceT &device_;
  const emulator::DataflowMachineT &machine_;
  WeightsBuilder &weights_;
  Graph graph_;
  std::map<const Value *, uint32_t> wireOf_;
};

} // namespace

Expected<Graph> makeGraph(const Function &function, const Tasks &tasks,
                          const emulator::DeviceT &device, WeightsBuilder &weights) {
  return GraphMaker(function, device, weights).run(tasks);
}

} // namespace edgecc::device::dataflow
