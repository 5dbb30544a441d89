// SPDX-License-Identifier: Apache-2.0
#include "backends/device/dataflow/Emit.h"

#include <cassert>

namespace edgecc::device::dataflow {

using emulator::StreamRole;

namespace {

class Emitter {
public:
  Emitter(Graph &graph, const ContextPlan &plan)
      : graph_(graph), plan_(plan), program_(std::make_unique<emulator::DataflowProgramT>()),
        boundaryOf_(graph.wires.size(), -1) {}

  std::unique_ptr<emulator::DataflowProgramT> run(const MapOptions &options) {
    program_->batch = options.batch;
    for (const PlannedContext &context : plan_.contexts)
      emitContext(context);
    for (const HostCallStep &step : graph_.hostSteps)
      emitHostStep(step);
    return std::move(program_);
  }

private:
  // Where a wire's tensor lies in host memory.
  emulator::HostTensor hostTensor(uint32_t wire) {
    const emulator::StreamT &stream = *graph_.wires[wire].stream;
    if (stream.role == StreamRole::Input || stream.role == StreamRole::Output)
      return {stream.role, stream.port};
    int32_t &boundary = boundaryOf_[wire];
    if (boundary < 0) {
      const emulator::RowShape &shape = graph_.wires[wire].shape;
      boundary = static_cast<int32_t>(program_->boundaries.size());
      program_->boundaries.push_back(static_cast<uint64_t>(shape.rows) * shape.rowBytes);
    }
    return {StreamRole::Boundary, static_cast<uint32_t>(boundary)};
  }

  void emitContext(const PlannedContext &planned) {
    auto context = std::make_unique<emulator::ContextT>();
    streamOf_.assign(graph_.wires.size(), -1);
    SegmentLink link = linkOf(graph_, planned.segment);
    for (uint32_t wire : link.in)
      emitStream(wire, planned, *context, true);
    for (size_t i = planned.segment.begin; i < planned.segment.end; ++i) {
      uint32_t wire = graph_.nodes[i].node->output;
      bool leaves = std::ranges::find(link.out, wire) != link.out.end();
      emitStream(wire, planned, *context, leaves);
      emitNode(i, planned, *context);
    }
    program_->contexts.push_back(std::move(context));
  }

  void emitStream(uint32_t wire, const PlannedContext &planned, emulator::ContextT &context,
                  bool crosses) {
    auto stream = std::make_unique<emulator::StreamT>(*graph_.wires[wire].stream);
    const Placement &ring = planned.allocation.rings[wire];
    stream->capacity = static_cast<uint32_t>(planned.allocation.schedule.capacities[wire]);
    stream->cluster = ring.cluster;
    stream->address = ring.weightAddress;
    if (crosses) {
      emulator::HostTensor tensor = hostTensor(wire);
      stream->role = tensor.role();
      stream->port = tensor.index();
    }
    streamOf_[wire] = static_cast<int32_t>(context.streams.size());
    context.streams.push_back(std::move(stream));
  }

  void emitNode(size_t index, const PlannedContext &planned, emulator::ContextT &context) {
    std::unique_ptr<emulator::NodeT> node = std::move(graph_.nodes[index].node);
    for (auto &feed : node->inputs)
      if (feed->stream >= 0)
        feed->stream = streamOf_[static_cast<size_t>(feed->stream)];
    node->output = static_cast<uint32_t>(streamOf_[node->output]);
    const auto &parts = planned.allocation.parts[index - planned.segment.begin];
    assert(!parts.empty());
    node->cluster = parts[0].cluster;
    node->sub_clusters = parts[0].subClusters;
    node->controllers = parts[0].controllers;
    node->weight_bytes = parts[0].weightBytes;
    node->weight_address = parts[0].weightAddress;
    for (size_t i = 1; i < parts.size(); ++i) {
      auto part = std::make_unique<emulator::NodePartT>();
      part->cluster = parts[i].cluster;
      part->sub_clusters = parts[i].subClusters;
      part->controllers = parts[i].controllers;
      part->weight_bytes = parts[i].weightBytes;
      part->weight_address = parts[i].weightAddress;
      node->more_parts.push_back(std::move(part));
    }
    context.nodes.push_back(std::move(node));
  }

  void emitHostStep(const HostCallStep &step) {
    auto emitted = std::make_unique<emulator::HostStepT>();
    emitted->part = step.part;
    emitted->layer = step.layer;
    emitted->macs = step.work.macs;
    emitted->elements = step.work.elements;
    while (emitted->context + 1 < plan_.contexts.size() &&
           plan_.contexts[emitted->context].segment.end <= step.before)
      ++emitted->context;
    for (uint32_t wire : step.inputs)
      emitted->inputs.push_back(hostTensor(wire));
    for (uint32_t wire : step.outputs)
      emitted->outputs.push_back(hostTensor(wire));
    program_->host_steps.push_back(std::move(emitted));
  }

  Graph &graph_;
  const ContextPlan &plan_;
  std::unique_ptr<emulator::DataflowProgramT> program_;
  std::vector<int32_t> boundaryOf_; // of each wire
  std::vector<int32_t> streamOf_;   // of each wire, in the current context
};

} // namespace

std::unique_ptr<emulator::DataflowProgramT> emitProgram(Graph &graph, const ContextPlan &plan,
                                                        const MapOptions &options) {
  return Emitter(graph, plan).run(options);
}

} // namespace edgecc::device::dataflow
