#include "driver/device/report/WriteDeviceReports.h"

#include "driver/device/report/DeviceReport.h"
#include "driver/device/report/Trace.h"
#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace edgecc::driver {

namespace {

Expected<void> write(const std::filesystem::path &path, const std::string &text) {
  return writeFile(path, std::as_bytes(std::span(text)));
}

// What shaped the program: the mapper's options ("units=7 streams=2") and the compression.
std::vector<std::pair<std::string, std::string>> settingsOf(const CompileOptions &o,
                                                            const emulator::ProgramT &program) {
  std::vector<std::pair<std::string, std::string>> settings;
  std::istringstream words(program.options);
  for (std::string word; words >> word;) {
    size_t equals = std::min(word.find('='), word.size());
    settings.emplace_back(word.substr(0, equals),
                          equals < word.size() ? word.substr(equals + 1) : "yes");
  }
  for (const auto &[option, value] :
       {std::pair<const char *, const std::string &>{"quantize", o.compress.recipe.quantize},
        {"prune", o.compress.recipe.prune},
        {"calibrate", o.compress.calibrate}})
    if (!value.empty())
      settings.emplace_back(option, value);
  return settings;
}

// Ops on the host have a list of their own.
std::vector<std::string> notesOf(const CompileSummary &summary) {
  std::vector<std::string> notes;
  for (const Note &note : summary.notes) {
    bool isHostOp =
        note.pass == "device" &&
        std::ranges::find(summary.hostOps, note.layer, &HostOp::node) != summary.hostOps.end();
    if (!isHostOp)
      notes.push_back(note.pass + ": " + (note.layer.empty() ? "" : note.layer + ": ") + note.text);
  }
  return notes;
}

} // namespace

Expected<void> writeDeviceReports(const CompileOptions &o, const Module &module,
                                  const emulator::DeviceT &device, CompileSummary &summary,
                                  Progress &progress) {
  const emulator::ProgramT &program = *summary.deviceProgram;
  if (!o.trace.empty())
    EDGECC_CHECK(write(o.trace, traceAsJson(program, *summary.deviceRun)));
  if (!o.compress.wantsReport())
    return {};
  progress.step("mapping in other ways for the report");
  DeviceReport report;
  report.program = &program;
  report.measured = *summary.deviceRun;
  report.input = o.input.string();
  report.output = o.output.string();
  report.fileBytes = summary.codeAndWeightsBytes;
  report.weightsBytes = summary.weightsBytes;
  report.settings = settingsOf(o, program);
  report.hostOps = summary.hostOps;
  report.notes = notesOf(summary);
  report.warnings = summary.warnings;
  report.budget = summary.budget;
  report.options = tryOptions(module.main(), device, o.device, program);
  report.machines = tryMachines(program);
  report.advice = adviceOf(program, report.measured);
  if (!o.compress.reportJson.empty())
    EDGECC_CHECK(write(
        o.compress.reportJson,
        deviceReportAsJson(report).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
            "\n"));
  if (!o.compress.reportHtml.empty())
    EDGECC_CHECK(write(o.compress.reportHtml, deviceReportAsHtml(report)));
  return {};
}

} // namespace edgecc::driver
