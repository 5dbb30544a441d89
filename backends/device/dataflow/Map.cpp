// SPDX-License-Identifier: Apache-2.0
#include "backends/device/dataflow/Dataflow.h"
#include "backends/device/dataflow/Emit.h"
#include "runtime/emulator/Check.h"

#include <fmt/format.h>

namespace edgecc::device::dataflow {

namespace {

// What the mapper expects, by the period of each context's slowest layer and the time that a frame
// takes to flow through.
class Estimator {
public:
  Estimator(const Graph &graph, const ContextPlan &plan, const emulator::DataflowMachineT &machine,
            unsigned batch)
      : graph_(graph), plan_(plan), machine_(machine), batch_(batch) {}

  std::unique_ptr<emulator::EstimateT> run() {
    auto estimate = std::make_unique<emulator::EstimateT>();
    double slowestUs = 0;
    for (const PlannedContext &context : plan_.contexts) {
      const Allocation &allocation = context.allocation;
      double periodUs = periodOf(allocation, context.segment);
      double switchUs = plan_.contexts.size() > 1 ? switchOf(context.segment) : 0;
      latencyUs_ += switchUs + allocation.latencyUs;
      batchUs_ += switchUs + allocation.latencyUs + (batch_ - 1) * periodUs;
      if (periodUs > slowestUs) {
        slowestUs = periodUs;
        estimate->bottleneck = slowestOf(allocation, context.segment);
      }
      if (plan_.contexts.size() == 1)
        estimate->fps = 1e6 / periodUs;
    }
    if (plan_.contexts.empty()) // all on the host
      for (const HostCallStep &step : graph_.hostSteps) {
        latencyUs_ += step.us;
        batchUs_ += step.us * batch_;
      }
    if (plan_.contexts.size() != 1 && batchUs_ > 0)
      estimate->fps = batch_ * 1e6 / batchUs_;
    estimate->latency_ms = latencyUs_ / 1e3;
    return estimate;
  }

  double frameUs(size_t node, const Allocation &allocation) const {
    return graph_.nodes[node].work.frameCycles(machine_, allocation.subClusters[node]) /
           machine_.clock_mhz;
  }

private:
  double periodOf(const Allocation &allocation, Segment segment) const {
    double us = leastPeriodUs(graph_, segment, machine_);
    for (size_t i = segment.begin; i < segment.end; ++i)
      us = std::max(us, frameUs(i, allocation));
    return us;
  }

  double switchOf(Segment segment) const {
    uint64_t weights = 0;
    for (size_t i = segment.begin; i < segment.end; ++i)
      weights += graph_.nodes[i].weightBytes;
    return machine_.context_switch_us +
           static_cast<double>(weights) / (machine_.configuration_gb_s * 1e3);
  }

  std::string slowestOf(const Allocation &allocation, Segment segment) const {
    size_t slowest = segment.begin;
    for (size_t i = segment.begin; i < segment.end; ++i)
      if (frameUs(i, allocation) > frameUs(slowest, allocation))
        slowest = i;
    return fmt::format("layer '{}': {:.0f} cycles on {} sub-clusters", graph_.nodes[slowest].name,
                       frameUs(slowest, allocation) * machine_.clock_mhz,
                       allocation.subClusters[slowest]);
  }

  const Graph &graph_;
  const ContextPlan &plan_;
  const emulator::DataflowMachineT &machine_;
  unsigned batch_;
  double latencyUs_ = 0, batchUs_ = 0;
};

void addNotes(const Graph &graph, const ContextPlan &plan, std::vector<std::string> &notes) {
  notes.insert(notes.end(), plan.notes.begin(), plan.notes.end());
  for (size_t i = 0; i < plan.contexts.size(); ++i) {
    const auto &[segment, allocation] = plan.contexts[i];
    uint64_t subClusters = 0, controllers = 0;
    std::string split;
    size_t splits = 0;
    for (size_t node = segment.begin; node < segment.end; ++node) {
      uint32_t parts = 0;
      for (const Placement &part : allocation.parts[node - segment.begin]) {
        subClusters += part.subClusters;
        parts += part.controllers;
      }
      controllers += parts;
      constexpr size_t kMostNamed = 5;
      if (parts > 1 && splits++ < kMostNamed)
        split +=
            fmt::format("{}'{}' into {}", split.empty() ? "" : ", ", graph.nodes[node].name, parts);
    }
    notes.push_back(fmt::format(
        "context {}: {} layers on {} sub-clusters and {} controllers; the slowest takes {:.0f} "
        "cycles a frame, at most {:.1f} % more than the best allocation's",
        i, segment.end - segment.begin, subClusters, controllers, allocation.periodCycles,
        100 * (allocation.periodCycles / allocation.boundCycles - 1)));
    if (splits > 0)
      notes.push_back(fmt::format("context {}: {} layers are split into parts: {}{}", i, splits,
                                  split, splits > 5 ? ", ..." : ""));
  }
}

} // namespace

Expected<DeviceCode> mapTasks(const Function &function, Tasks tasks,
                              const emulator::DeviceT &device, const MapOptions &options) {
  const emulator::DataflowMachineT &machine = *device.dataflow;
  if (options.batch < 1 || options.batch > emulator::kMaxBatch)
    return error(fmt::format("a batch of {} frames", options.batch), "--batch",
                 fmt::format("choose 1 to {}", emulator::kMaxBatch));
  WeightsBuilder weights;
  EDGECC_TRY(graph, makeGraph(function, tasks, device, weights));
  EDGECC_TRY(plan, planContexts(graph, machine, options));

  DeviceCode code;
  code.notes = std::move(tasks.notes);
  Estimator estimator(graph, plan, machine, options.batch);
  code.program.estimate = estimator.run();
  for (const PlannedContext &context : plan.contexts)
    for (size_t i = context.segment.begin; i < context.segment.end; ++i)
      graph.layers[graph.nodes[i].node->layer]->estimated_us +=
          estimator.frameUs(i, context.allocation);
  addNotes(graph, plan, code.notes);
  code.program.device = std::make_unique<emulator::DeviceT>(device);
  code.program.dataflow = emitProgram(graph, plan, options);
  code.program.layers = std::move(graph.layers);
  code.program.host_parts = static_cast<uint32_t>(tasks.hostParts.size());
  code.program.options = fmt::format("batch={} contexts={}", options.batch, plan.contexts.size());
  code.weights = weights.take();
  code.hostParts = std::move(tasks.hostParts);
  return code;
}

} // namespace edgecc::device::dataflow
