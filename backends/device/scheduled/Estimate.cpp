#include "backends/device/scheduled/Estimate.h"

#include "runtime/emulator/Cost.h"

#include <algorithm>

namespace edgecc::device::scheduled {

using emulator::Cost;

namespace {

// A list schedule: every instruction starts when its queue and its barriers let it, and has this
// part of each memory's bandwidth.
double latencyUs(const emulator::ProgramT &program, const std::vector<Cost> &costs,
                 double bandwidth) {
  emulator::DeviceT device = *program.device;
  for (auto &memory : device.scheduled->memories)
    memory->bandwidth_gb_s *= bandwidth;
  const auto &scheduled = *program.scheduled;
  std::vector<double> queueFree(scheduled.queues.size(), 0), fallen(scheduled.barriers.size(), 0);
  double latency = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    const auto &instruction = *scheduled.instructions[i];
    double start = queueFree[instruction.queue];
    for (uint32_t barrier : instruction.waits)
      start = std::max(start, fallen[barrier]);
    double end = start + emulator::aloneUs(device, costs[i]);
    queueFree[instruction.queue] = end;
    for (uint32_t barrier : instruction.signals)
      fallen[barrier] = std::max(fallen[barrier], end);
    latency = std::max(latency, end);
  }
  return latency;
}

struct Demand {
  std::string name;
  double us = 0;  // of one frame, as part of the whole resource
  double own = 0; // of one frame, on the units that a stream has queues for
  double uses = 0;
};

// Of what another stream runs on a shared engine, a frame waits for this part where it comes at any
// time. Streams that use it once fall into step and do not wait.
constexpr double kWaiting = 0.88;

// Engines that streams use in turn, as they have fewer units than the streams together have queues
// for.
bool isShared(const emulator::ScheduledProgramT &program, uint32_t engine, uint32_t count) {
  uint64_t units = 0;
  for (const auto &queue : program.queues)
    units += queue->engine == engine ? queue->units : 0;
  return units * program.streams > count;
}

} // namespace

void estimate(emulator::ProgramT &program) {
  auto &scheduled = *program.scheduled;
  const auto &machine = *program.device->scheduled;
  std::vector<uint32_t> memoryOf;
  for (const auto &buffer : scheduled.buffers)
    memoryOf.push_back(buffer->memory);
  std::vector<Demand> engines, memories;
  for (const auto &engine : machine.engines)
    engines.push_back({engine->name});
  for (const auto &memory : machine.memories)
    memories.push_back({memory->name + " bandwidth"});

  std::vector<Cost> costs;
  for (auto &instruction : scheduled.instructions) {
    uint32_t index = scheduled.queues[instruction->queue]->engine;
    const auto &engine = *machine.engines[index];
    costs.push_back(emulator::costOf(*program.device, engine, *instruction, memoryOf));
    instruction->estimated_us = emulator::aloneUs(*program.device, costs.back());
    engines[index].us += instruction->estimated_us * instruction->units / engine.count;
    engines[index].own += instruction->estimated_us;
    ++engines[index].uses;
    for (size_t m = 0; m < memories.size(); ++m)
      memories[m].us +=
          static_cast<double>(costs.back().bytes(m)) / (machine.memories[m]->bandwidth_gb_s * 1e3);
    if (engine.kind != emulator::EngineKind::Transfer)
      program.layers[instruction->layer]->estimated_us += instruction->estimated_us;
  }
  double latency = latencyUs(program, costs, 1), period = latency;

  // Streams side by side. While another one uses a memory, which it does for a part u of the time,
  // a frame goes on as with half the bandwidth; u depends on what it makes of the latency. So it
  // does for an engine that streams use in turn, behind which a frame waits for what the other one
  // runs there.
  if (scheduled.streams > 1) {
    double others = scheduled.streams - 1.0, slowed = latencyUs(program, costs, 0.5);
    double busiestMemory = 0;
    for (const Demand &memory : memories)
      busiestMemory = std::max(busiestMemory, memory.us);
    for (int i = 0; i < 20; ++i) {
      double next = latency + others * std::min(1.0, busiestMemory / period) * (slowed - latency);
      for (uint32_t e = 0; e < engines.size(); ++e)
        if (engines[e].uses > 1 && isShared(scheduled, e, machine.engines[e]->count))
          next += others * std::min(1.0, engines[e].own / period) * engines[e].own * kWaiting *
                  (1 - 1 / engines[e].uses);
      period = (period + next) / 2;
    }
    period /= scheduled.streams;
  }
  // No faster than the busiest resource.
  std::string bottleneck = "layers that wait for one another";
  double busiest = 0;
  for (const auto *demands : {&engines, &memories})
    for (const Demand &demand : *demands)
      if (demand.us > busiest) {
        busiest = demand.us;
        if (busiest > 0.75 * period)
          bottleneck = demand.name;
      }
  period = std::max(period, busiest);
  program.estimate = std::make_unique<emulator::EstimateT>();
  program.estimate->latency_ms = latency / 1e3;
  program.estimate->fps = period > 0 ? 1e6 / period : 0;
  program.estimate->bottleneck = std::move(bottleneck);
}

} // namespace edgecc::device::scheduled
