// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Pipeline.h"

#include <cmath>
#include <fmt/format.h>

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
      pipeline_->rings.push_back(
          {.shape = rowShapeOf(*stream, machine_), .capacity = stream->capacity});
      rows += pipeline_->rings.back().shape.rows;
      if (rows > kMaxRowsOfContext)
        return fault(FaultKind::BadProgram, fmt::format("context {} has more than {} rows",
                                                        pipeline_->context, kMaxRowsOfContext));
    }
    written_.assign(context.streams.size(), false);
    for (const auto &node : context.nodes)
      written_[node->output] = true;
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
    return std::move(pipeline_);
  }

private:
  uint32_t nextActor() const { return static_cast<uint32_t>(pipeline_->actors.size()); }

  void read(Actor &actor, uint32_t ring, const RowDemand *demand) {
    auto &readers = pipeline_->rings[ring].readers;
    actor.inputs.push_back({ring, static_cast<uint32_t>(readers.size()), demand});
    readers.push_back({nextActor(), static_cast<uint32_t>(actor.inputs.size() - 1)});
  }

  Actor linkActor(uint32_t stream, ActorKind kind, LinkSide side) {
    const Ring &ring = pipeline_->rings[stream];
    Actor actor{.kind = kind,
                .index = stream,
                .name = pipeline_->contextOf().streams[stream]->name,
                .rows = ring.shape.rows,
                .link = side};
    actor.durationsUs = {static_cast<double>(ring.shape.linkBytes) / (machine_.link->gb_s * 1e3)};
    return actor;
  }

  void addFeed(uint32_t stream) {
    Ring &ring = pipeline_->rings[stream];
    Actor actor = linkActor(stream, ActorKind::Feed, LinkSide::In);
    actor.output = static_cast<int>(stream);
    ring.writer = nextActor();
    pipeline_->linkInBytes += ring.shape.linkBytes * static_cast<uint64_t>(ring.shape.rows);
    pipeline_->actors.push_back(std::move(actor));
  }

  void addDrain(uint32_t stream) {
    Ring &ring = pipeline_->rings[stream];
    Actor actor = linkActor(stream, ActorKind::Drain, LinkSide::Out);
    read(actor, stream, nullptr);
    pipeline_->linkOutBytes += ring.shape.linkBytes * static_cast<uint64_t>(ring.shape.rows);
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
  std::vector<bool> written_; // streams, by a node
};

} // namespace

Result<std::unique_ptr<Pipeline>> makePipeline(const ProgramT &program, size_t context) {
  return Maker(program, context).run();
}

} // namespace edgecc::emulator::dataflow
