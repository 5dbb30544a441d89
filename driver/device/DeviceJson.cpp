#include "driver/device/DeviceJson.h"

#include <nlohmann/json.hpp>

namespace edgecc::driver {

using nlohmann::json;

static json layerJson(const emulator::LayerT &layer, const emulator::LayerUse &use,
                      const emulator::RunReport &report) {
  json out = {{"name", layer.name},
              {"nodes", layer.nodes},
              {"op", layer.op},
              {"type", layer.type},
              {"macs", use.macs},
              {"start_us", use.startUs},
              {"end_us", use.endUs},
              {"busy_us", use.busyUs},
              {"stalled_us", use.stalledUs},
              {"estimated_us", layer.estimated_us},
              {"utilization", use.utilization},
              {"energy_uj", use.energyUj},
              {"bytes", json::object()}};
  for (size_t i = 0; i < use.bytes.size() && i < report.memories.size(); ++i)
    if (use.bytes[i] > 0)
      out["bytes"][report.memories[i].name] = use.bytes[i];
  return out;
}

json deviceJson(const emulator::ProgramT &program, const emulator::RunReport &report) {
  json out = {{"name", program.device->name},
              {"title", program.device->title},
              {"options", program.options},
              {"latency_ms", report.latencyUs / 1e3},
              {"fps", report.fps},
              {"contexts", report.contexts},
              {"bottleneck", report.bottleneck},
              {"energy_mj", report.energyUj / 1e3},
              {"host_parts", program.host_parts},
              {"bytes_per_frame", json::object()},
              {"memories", json::array()},
              {"engines", json::array()},
              {"layers", json::array()}};
  if (program.scheduled)
    out["streams"] = report.streams;
  else
    out["batch"] = report.batch;
  if (program.estimate)
    out["estimate"] = {{"latency_ms", program.estimate->latency_ms},
                       {"fps", program.estimate->fps}};
  for (const emulator::MemoryUse &memory : report.memories) {
    out["bytes_per_frame"][memory.name] = memory.read + memory.written;
    out["memories"].push_back({{"name", memory.name},
                               {"capacity", memory.capacity},
                               {"peak", memory.peak},
                               {"read", memory.read},
                               {"written", memory.written},
                               {"busy", memory.busy}});
  }
  for (const emulator::EngineUse &engine : report.engines)
    out["engines"].push_back({{"name", engine.name}, {"busy", engine.busy}});
  for (size_t i = 0; i < program.layers.size() && i < report.layers.size(); ++i)
    out["layers"].push_back(layerJson(*program.layers[i], report.layers[i], report));
  return out;
}

} // namespace edgecc::driver
