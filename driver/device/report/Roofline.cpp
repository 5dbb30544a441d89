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
  double span = use.endUs - use.startUs;
  return span > 1.5 * use.busyUs ? "start-up and transfers" : "compute";
}

} // namespace edgecc::driver
