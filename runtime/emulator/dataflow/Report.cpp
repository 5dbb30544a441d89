// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Report.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator::dataflow {

namespace {

class Reporter {
public:
  Reporter(const Scheduler &scheduler, const Schedule &first, const Schedule &steady, double fps)
      : scheduler_(scheduler), program_(scheduler.program()), machine_(*program_.device->dataflow),
        first_(first), steady_(steady), link_(machine_.clusters) {
    report_.fps = fps;
  }

  RunReport run() {
    report_.latencyUs = first_.endUs;
    report_.contexts = static_cast<unsigned>(scheduler_.contexts());
    report_.batch = program_.dataflow->batch;
    report_.layers.resize(program_.layers.size());
    for (LayerUse &layer : report_.layers)
      layer.bytes.assign(machine_.clusters + 1, 0);
    addMemories();
    addFirstFrame();
    periodUs_ = report_.fps > 0 ? 1e6 / report_.fps : 0;
    for (const ContextVisit &visit : steady_.visits)
      addVisit(visit);
    finishLayers();
    finishMemories();
    report_.energyUj += program_.device->static_watts * periodUs_;
    report_.bottleneck = bottleneck();
    return std::move(report_);
  }

private:
  void addMemories() {
    for (uint32_t i = 0; i < machine_.clusters; ++i) {
      report_.memories.push_back(
          {.name = fmt::format("cluster{}", i), .capacity = machine_.memory_bytes});
      report_.engines.push_back({.name = fmt::format("cluster{}", i)});
    }
    report_.memories.push_back({.name = "link"});
    report_.engines.push_back({.name = "link in"});
    report_.engines.push_back({.name = "link out"});
    if (!program_.dataflow->host_steps.empty())
      report_.engines.push_back({.name = "host"});
    for (size_t context = 0; context < scheduler_.contexts(); ++context) {
      std::vector<uint64_t> used = occupiedBy(context);
      for (uint32_t i = 0; i < machine_.clusters; ++i)
        report_.memories[i].peak = std::max(report_.memories[i].peak, used[i]);
    }
  }

  // Weights and rings lie in their places for as long as their context is there.
  std::vector<uint64_t> occupiedBy(size_t context) const {
    const Pipeline &pipeline = scheduler_.pipeline(context);
    std::vector<uint64_t> used(machine_.clusters);
    for (size_t i = 0; i < pipeline.contextOf().streams.size(); ++i)
      used[pipeline.contextOf().streams[i]->cluster] +=
          pipeline.rings[i].capacity * pipeline.rings[i].shape.slotBytes;
    for (const auto &node : pipeline.contextOf().nodes) {
      used[node->cluster] += node->weight_bytes;
      for (const auto &part : node->more_parts)
        used[part->cluster] += part->weight_bytes;
    }
    return used;
  }

  void addFirstFrame() {
    std::vector<bool> seen(report_.layers.size());
    for (const ContextVisit &visit : first_.visits) {
      std::vector<uint64_t> used = occupiedBy(visit.context);
      for (uint32_t i = 0; i < machine_.clusters; ++i)
        report_.memories[i].occupancy.emplace_back(visit.startUs - visit.switchUs, used[i]);
      const Pipeline &pipeline = scheduler_.pipeline(visit.context);
      for (size_t i = 0; i < pipeline.actors.size(); ++i) {
        int index = pipeline.actors[i].layer;
        if (index < 0 || visit.visit.frames[i].empty())
          continue;
        LayerUse &layer = report_.layers[static_cast<size_t>(index)];
        const FrameSpan &span = visit.visit.frames[i].front();
        bool again = seen[static_cast<size_t>(index)];
        layer.startUs = again ? std::min(layer.startUs, span.startUs) : span.startUs;
        layer.endUs = std::max(layer.endUs, span.endUs);
        seen[static_cast<size_t>(index)] = true;
      }
    }
  }

  uint64_t frameBytes(const Pipeline &pipeline, size_t ring) const {
    const RowShape &shape = pipeline.rings[ring].shape;
    return static_cast<uint64_t>(shape.rows) * shape.rowBytes;
  }

  void addVisit(const ContextVisit &visit) {
    const Pipeline &pipeline = scheduler_.pipeline(visit.context);
    const ContextT &context = pipeline.contextOf();
    switchUs_ += visit.switchUs;
    if (visit.switchUs > 0)
      report_.memories[link_].read += pipeline.weightBytes / visit.frames;
    double hostUs = 0; // of all its parts: one runs at a time
    for (size_t i = 0; i < pipeline.actors.size(); ++i) {
      const Actor &actor = pipeline.actors[i];
      double busyUs = visit.visit.actors[i].busyUs / visit.frames;
      if (actor.kind == ActorKind::Node)
        addNode(pipeline, visit, i);
      else if (actor.kind == ActorKind::Host)
        addHost(actor, busyUs);
      else
        addTransfer(pipeline, actor, busyUs);
      if (actor.kind == ActorKind::Host)
        hostUs += busyUs;
      considerSlowest(visit, actor, actor.kind == ActorKind::Host ? hostUs : busyUs);
    }
    for (size_t ring = 0; ring < context.streams.size(); ++ring)
      report_.memories[context.streams[ring]->cluster].written += frameBytes(pipeline, ring);
  }

  void addNode(const Pipeline &pipeline, const ContextVisit &visit, size_t index) {
    const Actor &actor = pipeline.actors[index];
    const ActorState &state = visit.visit.actors[index];
    const ContextT &context = pipeline.contextOf();
    const NodeT &node = *context.nodes[actor.index];
    const NodeWork &work = pipeline.works[actor.index];
    LayerUse &layer = report_.layers[node.layer];
    double busyUs = state.busyUs / visit.frames;
    layer.busyUs += busyUs;
    layer.stalledUs += state.stalledUs / visit.frames;
    layer.macs += work.macs;
    layer.bytes[context.streams[node.output]->cluster] += frameBytes(pipeline, node.output);
    for (const ActorInput &input : actor.inputs) {
      uint32_t cluster = context.streams[input.ring]->cluster;
      layer.bytes[cluster] += frameBytes(pipeline, input.ring);
      report_.memories[cluster].read += frameBytes(pipeline, input.ring);
    }
    if (visit.switchUs > 0) {
      uint64_t weights = node.weight_bytes;
      for (const auto &part : node.more_parts)
        weights += part->weight_bytes;
      layer.bytes[link_] += weights / visit.frames;
    }
    layer.energyUj += 1e-6 * (machine_.energy_pj_per_mac * static_cast<double>(work.macs) +
                              machine_.energy_pj_per_element * static_cast<double>(work.elements));
    peakMacs_.resize(report_.layers.size());
    peakMacs_[node.layer] +=
        busyUs * machine_.clock_mhz * machine_.macs_per_cycle * subClustersOf(node);
    if (periodUs_ > 0) {
      auto share = [&](uint32_t cluster, uint32_t subClusters) {
        report_.engines[cluster].busy += busyUs / periodUs_ * subClusters / machine_.sub_clusters;
      };
      share(node.cluster, node.sub_clusters);
      for (const auto &part : node.more_parts)
        share(part->cluster, part->sub_clusters);
    }
  }

  void addHost(const Actor &actor, double busyUs) {
    report_.layers[static_cast<size_t>(actor.layer)].busyUs += busyUs;
    if (periodUs_ > 0)
      report_.engines.back().busy += busyUs / periodUs_;
  }

  // What goes over the link belongs to the layer that writes it, or that reads it first.
  void addTransfer(const Pipeline &pipeline, const Actor &actor, double busyUs) {
    const RowShape &shape = pipeline.rings[actor.index].shape;
    uint64_t bytes = static_cast<uint64_t>(shape.rows) * shape.linkBytes;
    bool in = actor.kind == ActorKind::Feed;
    MemoryUse &link = report_.memories[link_];
    (in ? link.read : link.written) += bytes;
    if (periodUs_ > 0)
      report_.engines[link_ + (in ? 0 : 1)].busy += busyUs / periodUs_;
    const Ring &ring = pipeline.rings[actor.index];
    uint32_t node = !in ? ring.writer : !ring.readers.empty() ? ring.readers[0].actor : ring.writer;
    if (int layer = pipeline.actors[node].layer; layer >= 0)
      report_.layers[static_cast<size_t>(layer)].bytes[link_] += bytes;
    if (!in) // the drain reads the ring too
      report_.memories[pipeline.contextOf().streams[actor.index]->cluster].read += bytes;
  }

  // The actor that fills most of the time of its visit, by context time.
  void considerSlowest(const ContextVisit &visit, const Actor &actor, double busyUs) {
    double contextUs = (visit.visit.endUs - visit.startUs) / visit.frames;
    double score = contextUs > 0 ? contextUs * 1e3 + busyUs : busyUs;
    if (score <= slowestScore_)
      return;
    slowestScore_ = score;
    slowest_ = &actor;
    slowestUs_ = busyUs;
    slowestContext_ = visit.context;
  }

  void finishLayers() {
    for (size_t i = 0; i < report_.layers.size(); ++i) {
      LayerUse &layer = report_.layers[i];
      uint64_t memory = 0;
      for (uint32_t cluster = 0; cluster < machine_.clusters; ++cluster)
        memory += layer.bytes[cluster];
      layer.energyUj +=
          1e-6 * (machine_.energy_pj_per_memory_byte * static_cast<double>(memory) +
                  machine_.energy_pj_per_link_byte * static_cast<double>(layer.bytes[link_]));
      report_.energyUj += layer.energyUj;
      if (i < peakMacs_.size() && peakMacs_[i] > 0)
        layer.utilization = static_cast<double>(layer.macs) / peakMacs_[i];
    }
  }

  void finishMemories() {
    report_.memories[link_].busy =
        std::max(report_.engines[link_].busy, report_.engines[link_ + 1].busy);
  }

  std::string bottleneck() const {
    if (!slowest_)
      return "host parts";
    std::string text;
    if (scheduler_.contexts() > 1 && steady_.endUs > 0) {
      double share = switchUs_ / steady_.endUs;
      if (share > 0.5)
        return fmt::format("loading the weights of {} contexts: {:.0f} % of the time with batches "
                           "of {}",
                           scheduler_.contexts(), 100 * share, report_.batch);
      text = fmt::format("context {} of {}: ", slowestContext_ + 1, scheduler_.contexts());
    }
    if (slowest_->kind == ActorKind::Host)
      return text +
             fmt::format("the host: its parts, '{}' the last of them, take {:.1f} us of a frame",
                         slowest_->name, slowestUs_);
    if (slowest_->kind != ActorKind::Node)
      return text + fmt::format("the link to the host: {} takes {:.1f} us of a frame",
                                slowest_->name.empty() ? "a tensor without a name"
                                                       : "'" + slowest_->name + "'",
                                slowestUs_);
    const NodeT &node = *scheduler_.pipeline(slowestContext_).contextOf().nodes[slowest_->index];
    return text + fmt::format("layer '{}': {:.0f} cycles of a frame on {} sub-clusters",
                              slowest_->name, slowestUs_ * machine_.clock_mhz, subClustersOf(node));
  }

  const Scheduler &scheduler_;
  const ProgramT &program_;
  const DataflowMachineT &machine_;
  const Schedule &first_, &steady_;
  size_t link_; // index of memories and engines
  RunReport report_;
  double periodUs_ = 0, switchUs_ = 0;
  std::vector<double> peakMacs_; // of each layer: what its sub-clusters could do while busy
  const Actor *slowest_ = nullptr;
  double slowestScore_ = -1, slowestUs_ = 0;
  size_t slowestContext_ = 0;
};

} // namespace

RunReport reportOf(const Scheduler &scheduler, const Schedule &first, const Schedule &steady,
                   double fps) {
  return Reporter(scheduler, first, steady, fps).run();
}

std::vector<Span> timelineOf(const Scheduler &scheduler, const Schedule &schedule) {
  constexpr size_t kMaxSpans = 100'000;
  std::vector<Span> spans;
  unsigned firstFrame = 0;
  for (const ContextVisit &visit : schedule.visits) {
    const Pipeline &pipeline = scheduler.pipeline(visit.context);
    if (visit.switchUs > 0)
      spans.push_back({.track = fmt::format("load context {}", visit.context),
                       .frame = firstFrame,
                       .startUs = visit.startUs - visit.switchUs,
                       .endUs = visit.startUs});
    for (size_t i = 0; i < pipeline.actors.size(); ++i) {
      const Actor &actor = pipeline.actors[i];
      std::string track = actor.kind == ActorKind::Node   ? "layer " + actor.name
                          : actor.kind == ActorKind::Host ? "host: " + actor.name
                          : actor.kind == ActorKind::Feed ? "link in: " + actor.name
                                                          : "link out: " + actor.name;
      for (unsigned frame = 0; frame < visit.visit.frames[i].size() && spans.size() < kMaxSpans;
           ++frame)
        spans.push_back({track, actor.layer, firstFrame + frame,
                         visit.visit.frames[i][frame].startUs, visit.visit.frames[i][frame].endUs});
    }
    if (visit.context + 1 == scheduler.contexts())
      firstFrame += visit.frames;
  }
  return spans;
}

} // namespace edgecc::emulator::dataflow
