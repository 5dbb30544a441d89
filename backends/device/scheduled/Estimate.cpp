#include "backends/device/scheduled/Estimate.h"

#include "runtime/emulator/Cost.h"

#include <algorithm>

namespace edgecc::device::scheduled {

using emulator::Cost;

void estimate(emulator::ProgramT &program) {
  auto &scheduled = *program.scheduled;
  const auto &machine = *program.device->scheduled;
  std::vector<uint32_t> memoryOf;
  for (const auto &buffer : scheduled.buffers)
    memoryOf.push_back(buffer->memory);
  std::vector<double> queueFree(scheduled.queues.size(), 0), fallen(scheduled.barriers.size(), 0);
  std::vector<double> engineUs(machine.engines.size(), 0), memoryUs(machine.memories.size(), 0);
  double latency = 0;
  for (auto &instruction : scheduled.instructions) {
    uint32_t engineIndex = scheduled.queues[instruction->queue]->engine;
    const auto &engine = *machine.engines[engineIndex];
    Cost cost = emulator::costOf(*program.device, engine, *instruction, memoryOf);
    instruction->estimated_us = emulator::aloneUs(*program.device, cost);
    double start = queueFree[instruction->queue];
    for (uint32_t barrier : instruction->waits)
      start = std::max(start, fallen[barrier]);
    double end = start + instruction->estimated_us;
    queueFree[instruction->queue] = end;
    for (uint32_t barrier : instruction->signals)
      fallen[barrier] = std::max(fallen[barrier], end);
    latency = std::max(latency, end);
    engineUs[engineIndex] += instruction->estimated_us * instruction->units / engine.count;
    for (size_t m = 0; m < memoryUs.size(); ++m)
      memoryUs[m] +=
          static_cast<double>(cost.bytes(m)) / (machine.memories[m]->bandwidth_gb_s * 1e3);
    if (engine.kind != emulator::EngineKind::Transfer)
      program.layers[instruction->layer]->estimated_us += instruction->estimated_us;
  }
  // Streams side by side: no faster than the busiest resource, nor than each of them alone.
  double busiest = 0;
  std::string bottleneck = "layers that wait for one another";
  auto consider = [&](double us, const std::string &name) {
    if (us > busiest) {
      busiest = us;
      if (us >= latency / scheduled.streams * 0.9)
        bottleneck = name;
    }
  };
  for (size_t e = 0; e < engineUs.size(); ++e)
    consider(engineUs[e], machine.engines[e]->name);
  for (size_t m = 0; m < memoryUs.size(); ++m)
    consider(memoryUs[m], machine.memories[m]->name + " bandwidth");
  double period = std::max(busiest, latency / scheduled.streams);
  program.estimate = std::make_unique<emulator::EstimateT>();
  program.estimate->latency_ms = latency / 1e3;
  program.estimate->fps = period > 0 ? 1e6 / period : 0;
  program.estimate->bottleneck = std::move(bottleneck);
}

} // namespace edgecc::device::scheduled
