#include "driver/device/report/Roofline.h"

#include "driver/device/DeviceFacts.h"

#include <algorithm>

namespace edgecc::driver {

using namespace emulator;

Roofline rooflineOf(const ProgramT &program, const RunReport &report) {
  Roofline roofline;
  roofline.peak = peakMacsPerSecond(*program.device);
  if (const ScheduledMachineT *machine = program.device->scheduled.get()) {
    for (const auto &memory : machine->memories)
      roofline.roofs.push_back({memory->name, memory->bandwidth_gb_s * 1e9});
  } else if (const auto &link = program.device->dataflow->link) {
    roofline.roofs.push_back({"link", link->gb_s * 1e9});
  }
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const LayerUse &use = report.layers[i];
    if (use.macs == 0 || use.busyUs <= 0)
      continue;
    for (bool offChip : {false, true})
      if (uint64_t bytes = bytesOf(program, report, use, offChip); bytes > 0)
        roofline.points.push_back({i, offChip,
                                   static_cast<double>(use.macs) / static_cast<double>(bytes),
                                   static_cast<double>(use.macs) / use.busyUs * 1e6});
  }
  return roofline;
}

namespace {

// What a layer's instructions take before their engines begin to work.
double startUpUs(const ProgramT &program, size_t layer) {
  const ScheduledMachineT &machine = *program.device->scheduled;
  double us = 0;
  for (const auto &instruction : program.scheduled->instructions) {
    if (instruction->layer != layer)
      continue;
    const EngineT &engine = *machine.engines[program.scheduled->queues[instruction->queue]->engine];
    if (engine.kind != EngineKind::Transfer)
      us += engine.issue_us + (instruction->starts_stage ? machine.layer_us : 0);
  }
  return us;
}

} // namespace

std::string limitOf(const ProgramT &program, const RunReport &report, size_t layer) {
  const LayerUse &use = report.layers[layer];
  if (use.busyUs <= 0)
    return "";
  if (!program.scheduled)
    return use.stalledUs > use.busyUs ? "waits for rows or room" : "compute";
  if (use.stalledUs > 0.25 * use.busyUs) {
    const auto &memories = program.device->scheduled->memories;
    std::string slowest;
    double longest = 0;
    for (size_t i = 0; i < use.bytes.size() && i < memories.size(); ++i)
      if (double s = static_cast<double>(use.bytes[i]) / memories[i]->bandwidth_gb_s; s > longest) {
        longest = s;
        slowest = memories[i]->name;
      }
    return "memory (" + slowest + ")";
  }
  if (startUpUs(program, layer) > 0.5 * use.busyUs)
    return "start-up";
  return use.endUs - use.startUs > 1.5 * use.busyUs ? "waits between its parts" : "compute";
}

} // namespace edgecc::driver
