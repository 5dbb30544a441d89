#include "driver/device/DeviceFacts.h"

#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <set>

namespace edgecc::driver {

using namespace emulator;

bool isOffChip(const ProgramT &program, const RunReport &report, size_t memory) {
  if (!program.scheduled)
    return memory + 1 == report.memories.size(); // the link comes after the clusters
  const auto &memories = program.device->scheduled->memories;
  return memory < memories.size() &&
         (memories[memory]->holds_constants || memories[memory]->holds_interface);
}

uint64_t bytesOf(const ProgramT &program, const RunReport &report, const LayerUse &layer,
                 bool offChip) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < layer.bytes.size(); ++i)
    if (isOffChip(program, report, i) == offChip)
      bytes += layer.bytes[i];
  return bytes;
}

uint64_t bytesOf(const ProgramT &program, const RunReport &report, bool offChip) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < report.memories.size(); ++i)
    if (isOffChip(program, report, i) == offChip)
      bytes += report.memories[i].read + report.memories[i].written;
  return bytes;
}

std::vector<uint64_t> heldBytes(const ProgramT &program) {
  std::vector<uint64_t> held(program.layers.size(), 0);
  if (const ScheduledProgramT *scheduled = program.scheduled.get()) {
    const ScheduledMachineT &machine = *program.device->scheduled;
    for (const auto &instruction : scheduled->instructions) {
      std::set<uint32_t> buffers;
      for (const auto *views : {&instruction->inputs, &instruction->outputs})
        for (const auto &view : *views) {
          const MemoryT &memory = *machine.memories[scheduled->buffers[view->buffer]->memory];
          if (!memory.holds_constants && !memory.holds_interface)
            buffers.insert(view->buffer);
        }
      const EngineT &engine = *machine.engines[scheduled->queues[instruction->queue]->engine];
      uint64_t bytes = lockedBytes(machine, engine, *instruction);
      for (uint32_t buffer : buffers)
        bytes += scheduled->buffers[buffer]->bytes;
      uint64_t &most = held[instruction->layer];
      most = std::max(most, bytes * scheduled->streams);
    }
    return held;
  }
  for (const auto &context : program.dataflow->contexts)
    for (const auto &node : context->nodes) {
      held[node->layer] += node->weight_bytes;
      for (const auto &part : node->more_parts)
        held[node->layer] += part->weight_bytes;
      const StreamT &stream = *context->streams[node->output];
      uint64_t bits = bitsOf(stream.type);
      for (size_t i = 0; i < stream.dims.size(); ++i)
        if (static_cast<int>(i) != stream.row_axis)
          bits *= static_cast<uint64_t>(stream.dims[i]);
      held[node->layer] += (bits + 7) / 8 * stream.capacity;
    }
  return held;
}

uint64_t peakOnChip(const ProgramT &program, const RunReport &report) {
  uint64_t peak = 0;
  for (size_t i = 0; i < report.memories.size(); ++i)
    if (!isOffChip(program, report, i))
      peak += report.memories[i].peak;
  return program.scheduled ? peak * report.streams : peak;
}

double dynamicEnergyUj(const ProgramT &program, const RunReport &report) {
  double fixed = report.fps > 0 ? program.device->static_watts * 1e6 / report.fps : 0;
  return std::max(0.0, report.energyUj - fixed);
}

double wattsAt(const ProgramT &program, const RunReport &report, double fps) {
  return program.device->static_watts + dynamicEnergyUj(program, report) * 1e-6 * fps;
}

double peakMacsPerSecond(const DeviceT &device) {
  if (const DataflowMachineT *machine = device.dataflow.get())
    return machine->clock_mhz * 1e6 * machine->clusters * machine->sub_clusters *
           machine->macs_per_cycle;
  double peak = 0;
  for (const auto &engine : device.scheduled->engines) {
    double macs = 0;
    for (const auto &mode : engine->modes)
      macs = std::max(macs, static_cast<double>(mode->in_block) * mode->out_block);
    for (const auto &rate : engine->rates)
      if (rate->work <= WorkClass::Product)
        macs = std::max(macs, rate->units_per_cycle);
    peak = std::max(peak, macs * engine->clock_mhz * 1e6 * engine->count);
  }
  return peak;
}

} // namespace edgecc::driver
