#include "driver/device/report/Trace.h"

#include <map>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

using nlohmann::json;

std::string traceAsJson(const emulator::ProgramT &program, const emulator::RunReport &report) {
  constexpr int kEngines = 1, kMemories = 2; // the viewer's processes
  json events = json::array();
  auto describe = [&](int process, int thread, const char *what, const std::string &name) {
    events.push_back({{"ph", "M"},
                      {"pid", process},
                      {"tid", thread},
                      {"name", what},
                      {"args", {{"name", name}}}});
  };
  describe(kEngines, 0, "process_name", program.device->name);
  describe(kMemories, 0, "process_name", "memories");
  std::map<std::string, int>
      tracks; // numbered as they come, which is the order in which they start
  for (const emulator::Span &span : report.timeline) {
    auto [track, isNew] = tracks.try_emplace(span.track, static_cast<int>(tracks.size()) + 1);
    if (isNew) {
      describe(kEngines, track->second, "thread_name", span.track);
      events.push_back({{"ph", "M"},
                        {"pid", kEngines},
                        {"tid", track->second},
                        {"name", "thread_sort_index"},
                        {"args", {{"sort_index", track->second}}}});
    }
    bool isLayer = span.layer >= 0 && static_cast<size_t>(span.layer) < program.layers.size();
    json event = {{"ph", "X"},
                  {"pid", kEngines},
                  {"tid", track->second},
                  {"ts", span.startUs},
                  {"dur", span.endUs - span.startUs},
                  {"name", span.track},
                  {"args", {{"frame", span.frame}}}};
    if (isLayer) {
      const emulator::LayerT &layer = *program.layers[static_cast<size_t>(span.layer)];
      event["name"] = layer.name;
      event["args"]["op"] = layer.op;
    }
    events.push_back(std::move(event));
  }
  for (const emulator::MemoryUse &memory : report.memories)
    for (const auto &[us, bytes] : memory.occupancy)
      events.push_back({{"ph", "C"},
                        {"pid", kMemories},
                        {"tid", 0},
                        {"ts", us},
                        {"name", memory.name},
                        {"args", {{"bytes", bytes}}}});
  json out = {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace edgecc::driver
