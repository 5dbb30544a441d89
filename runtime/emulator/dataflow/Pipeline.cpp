// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Pipeline.h"

#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

namespace edgecc::emulator::dataflow {

double Actor::frameUs() const {
  if (!kindOf)
    return durationsUs[0] * static_cast<double>(rows);
  double sum = 0;
  for (uint32_t kind : *kindOf)
    sum += durationsUs[kind];
  return sum;
}

namespace {

class Maker {
public:
  Maker(const ProgramT &program, size_t context)
      : machine_(*program.device->dataflow), pipeline_(std::make_unique<Pipeline>()) {
    pipeline_->program = &program;
    pipeline_->context = context;
    pipeline_->linkLatencyUs = machine_.link->latency_us;
  }

  Result<std::unique_ptr<Pipeline>> run() {
    const ContextT &context = pipeline_->contextOf();
    int64_t rows = 0;
    for (const auto &stream : context.streams) {
      pipeline_->rings.push_back({.name = stream->name,
                                  .shape = rowShapeOf(*stream, machine_),
                                  .capacity = stream->capacity});
      rows += pipeline_->rings.back().shape.rows;
      if (rows > kMaxRowsOfContext)
        return fault(FaultKind::BadProgram, fmt::format("context {} has more than {} rows",
                                                        pipeline_->context, kMaxRowsOfContext));
    }
    written_.assign(context.streams.size(), false);
    for (const auto &node : context.nodes)
      written_[node->output] = true;
    addHostRings();
    // Feeds first: where several actors could use the link or go on, the first one does.
    for (uint32_t i = 0; i < context.streams.size(); ++i)
      if (!written_[i])
        addFeed(i);
    // Actors point at works: these do not move once they are all there.
    for (const auto &node : context.nodes) {
      auto work = workOfNode(*node, context.streams);
      if (!work)
        return tl::unexpected(work.error());
      pipeline_->works.push_back(std::move(*work));
    }
    for (uint32_t i = 0; i < context.nodes.size(); ++i)
      if (auto added = addNode(i); !added)
        return tl::unexpected(added.error());
    for (uint32_t i = 0; i < context.streams.size(); ++i)
      if (written_[i] && (context.streams[i]->role == StreamRole::Output ||
                          context.streams[i]->role == StreamRole::Boundary))
        addDrain(i);
    for (uint32_t step : hostSteps_)
      addHost(step);
    return std::move(pipeline_);
  }

private:
  using Tensor = std::pair<StreamRole, uint32_t>; // in host memory

  static Tensor tensorOf(const HostTensor &tensor) { return {tensor.role(), tensor.index()}; }
  static Tensor tensorOf(const StreamT &stream) { return {stream.role, stream.port}; }

  const HostStepT &stepOf(uint32_t index) const {
    return *pipeline_->program->dataflow->host_steps[index];
  }

  uint32_t addHostRing(std::string name, int64_t rows) {
    const DataflowProgramT &program = *pipeline_->program->dataflow;
    uint64_t frames = program.contexts.size() > 1 ? program.batch : kHostFrames;
    pipeline_->rings.push_back({.name = std::move(name),
                                .shape = {.rows = rows},
                                .capacity = frames * static_cast<uint64_t>(rows)});
    return static_cast<uint32_t>(pipeline_->rings.size() - 1);
  }

  // Between this context and the host parts that run with it. What earlier contexts wrote is there.
  void addHostRings() {
    const auto &steps = pipeline_->program->dataflow->host_steps;
    std::set<Tensor> awaited;
    for (uint32_t i = 0; i < steps.size(); ++i)
      if (steps[i]->context == pipeline_->context) {
        hostSteps_.push_back(i);
        for (const HostTensor &input : steps[i]->inputs)
          awaited.insert(tensorOf(input));
      }
    const ContextT &context = pipeline_->contextOf();
    for (uint32_t i = 0; i < context.streams.size(); ++i) {
      const StreamT &stream = *context.streams[i];
      Tensor tensor = tensorOf(stream);
      if (written_[i] && stream.role != StreamRole::Internal && awaited.contains(tensor) &&
          !drainedTo_.contains(tensor))
        drainedTo_[tensor] = addHostRing(stream.name, pipeline_->rings[i].shape.rows);
    }
    for (uint32_t step : hostSteps_) {
      uint32_t ring = addHostRing(pipeline_->program->layers[stepOf(step).layer]->name, 1);
      resultsOf_[step] = ring;
      for (const HostTensor &output : stepOf(step).outputs)
        resultIn_.try_emplace(tensorOf(output), ring);
    }
  }

  // All rows of a frame of `ring` before the first of the actor's; they go with its last.
  void readWhole(Actor &actor, uint32_t ring) {
    auto all = static_cast<int32_t>(pipeline_->rings[ring].shape.rows);
    auto rows = static_cast<size_t>(actor.rows);
    RowDemand demand{.stream = ring};
    demand.arrived.assign(rows, all);
    demand.released.assign(rows + 1, 0);
    demand.released.back() = all;
    pipeline_->hostDemands.push_back(std::move(demand));
    read(actor, ring, &pipeline_->hostDemands.back());
  }

  void addHost(uint32_t index) {
    const HostStepT &step = stepOf(index);
    Actor actor{.kind = ActorKind::Host,
                .index = index,
                .name = pipeline_->program->layers[step.layer]->name,
                .layer = static_cast<int>(step.layer),
                .durationsUs = {hostUs(*pipeline_->program->device, step.macs, step.elements)},
                .output = static_cast<int>(resultsOf_.at(index)),
                .shared = Shared::Host};
    std::set<uint32_t> rings;
    for (const HostTensor &input : step.inputs)
      for (const auto *from : {&drainedTo_, &resultIn_})
        if (auto ring = from->find(tensorOf(input)); ring != from->end())
          rings.insert(ring->second);
    for (uint32_t ring : rings)
      readWhole(actor, ring);
    pipeline_->rings[static_cast<size_t>(actor.output)].writer = nextActor();
    pipeline_->actors.push_back(std::move(actor));
  }

  uint32_t nextActor() const { return static_cast<uint32_t>(pipeline_->actors.size()); }

  void read(Actor &actor, uint32_t ring, const RowDemand *demand) {
    auto &readers = pipeline_->rings[ring].readers;
    actor.inputs.push_back({ring, static_cast<uint32_t>(readers.size()), demand});
    readers.push_back({nextActor(), static_cast<uint32_t>(actor.inputs.size() - 1)});
  }

  Actor linkActor(uint32_t stream, ActorKind kind, Shared side) {
    const Ring &ring = pipeline_->rings[stream];
    Actor actor{.kind = kind,
                .index = stream,
                .name = pipeline_->contextOf().streams[stream]->name,
                .rows = ring.shape.rows,
                .shared = side};
    actor.durationsUs = {static_cast<double>(ring.shape.linkBytes) / (machine_.link->gb_s * 1e3)};
    return actor;
  }

  void addFeed(uint32_t stream) {
    Ring &ring = pipeline_->rings[stream];
    Actor actor = linkActor(stream, ActorKind::Feed, Shared::LinkIn);
    actor.output = static_cast<int>(stream);
    if (auto results = resultIn_.find(tensorOf(*pipeline_->contextOf().streams[stream]));
        results != resultIn_.end())
      readWhole(actor, results->second);
    ring.writer = nextActor();
    pipeline_->actors.push_back(std::move(actor));
  }

  void addDrain(uint32_t stream) {
    Actor actor = linkActor(stream, ActorKind::Drain, Shared::LinkOut);
    read(actor, stream, nullptr);
    const StreamT &tensor = *pipeline_->contextOf().streams[stream];
    if (auto to = drainedTo_.find(tensorOf(tensor)); to != drainedTo_.end()) {
      Ring &host = pipeline_->rings[to->second];
      if (drained_.insert(to->second).second) { // a tensor has one writer
        actor.output = static_cast<int>(to->second);
        host.writer = nextActor();
      }
    }
    pipeline_->actors.push_back(std::move(actor));
  }

  Result<void> addNode(uint32_t index) {
    const NodeT &node = *pipeline_->contextOf().nodes[index];
    const NodeWork &work = pipeline_->works[index];
    Actor actor{.index = index,
                .name = pipeline_->program->layers[node.layer]->name,
                .layer = static_cast<int>(node.layer),
                .rows = work.rows,
                .kindOf = &work.kindOf,
                .output = static_cast<int>(node.output)};
    for (double cycles : work.cycles(machine_, subClustersOf(node))) {
      if (!std::isfinite(cycles))
        return fault(FaultKind::BadProgram,
                     fmt::format("the machine has no rate for the work of '{}'", actor.name),
                     actor.layer);
      actor.durationsUs.push_back(cycles / machine_.clock_mhz);
    }
    for (const RowDemand &demand : work.demands)
      read(actor, demand.stream, &demand);
    pipeline_->rings[node.output].writer = nextActor();
    pipeline_->weightBytes += node.weight_bytes;
    for (const auto &part : node.more_parts)
      pipeline_->weightBytes += part->weight_bytes;
    pipeline_->actors.push_back(std::move(actor));
    return {};
  }

  const DataflowMachineT &machine_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<bool> written_;              // streams, by a node
  std::vector<uint32_t> hostSteps_;        // that run with the context
  std::map<Tensor, uint32_t> drainedTo_;   // ring that a tensor fills on its way to a host part
  std::map<Tensor, uint32_t> resultIn_;    // ring of the host part that writes a tensor
  std::map<uint32_t, uint32_t> resultsOf_; // ring of each host part
  std::set<uint32_t> drained_;             // rings that have a writer
};

} // namespace

Result<std::unique_ptr<Pipeline>> makePipeline(const ProgramT &program, size_t context) {
  return Maker(program, context).run();
}

} // namespace edgecc::emulator::dataflow
