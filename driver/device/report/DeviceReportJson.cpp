#include "driver/device/DeviceJson.h"
#include "driver/device/report/DeviceReport.h"
#include "driver/device/report/Roofline.h"

#include <nlohmann/json.hpp>

namespace edgecc::driver {

using nlohmann::json;

namespace {

json whatIfJson(const std::vector<WhatIf> &all, const emulator::RunReport &report) {
  json out = json::array();
  for (const WhatIf &each : all) {
    json entry = {{"change", each.change}, {"text", sentenceOf(each, report)}};
    if (each.failure.empty()) {
      entry["fps"] = each.fps;
      entry["latency_ms"] = each.latencyMs;
    } else {
      entry["failure"] = each.failure;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

json rooflineJson(const DeviceReport &report) {
  Roofline roofline = rooflineOf(*report.program, report.measured);
  json out = {
      {"peak_macs_per_second", roofline.peak}, {"roofs", json::array()}, {"points", json::array()}};
  for (const Roof &roof : roofline.roofs)
    out["roofs"].push_back({{"name", roof.name}, {"bytes_per_second", roof.bytesPerSecond}});
  for (const RooflinePoint &point : roofline.points)
    out["points"].push_back({{"layer", report.program->layers[point.layer]->name},
                             {"level", point.offChip ? "off_chip" : "on_chip"},
                             {"macs_per_byte", point.intensity},
                             {"macs_per_second", point.rate}});
  return out;
}

} // namespace

json deviceReportAsJson(const DeviceReport &report) {
  json out = {{"format", "edgecc-device-report"},
              {"version", 1},
              {"input", report.input},
              {"output", report.output},
              {"output_bytes", report.fileBytes},
              {"weights_bytes", report.weightsBytes},
              {"settings", json::object()},
              {"device", deviceJson(*report.program, report.measured)},
              {"roofline", rooflineJson(report)},
              {"budget", budgetJson(report.budget, *report.program)},
              {"host_ops", json::array()},
              {"what_if", whatIfJson(report.options, report.measured)},
              {"sensitivity", whatIfJson(report.machines, report.measured)},
              {"advice", report.advice},
              {"notes", report.notes},
              {"warnings", report.warnings}};
  for (const auto &[option, value] : report.settings)
    out["settings"][option] = value;
  for (const HostOp &op : report.hostOps)
    out["host_ops"].push_back({{"node", op.node}, {"reason", op.reason}});
  for (size_t i = 0; i < out["device"]["layers"].size(); ++i)
    out["device"]["layers"][i]["limited_by"] = limitOf(*report.program, report.measured, i);
  return out;
}

} // namespace edgecc::driver
