#include "driver/device/DeviceArtifact.h"

#include "driver/Artifact.h"
#include "driver/NativeModel.h"
#include "runtime/blob/BlobWriter.h"
#include "runtime/emulator/Emulator.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

std::string_view viewOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

std::string counted(uint64_t count, const char *what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string resourcesOf(const emulator::ProgramT &program) {
  if (const auto *scheduled = program.scheduled.get())
    return fmt::format("{} with {} and {}{}", counted(scheduled->streams, "stream"),
                       counted(scheduled->vector_units, "vector unit"),
                       counted(scheduled->slices, "slice"), scheduled->streams > 1 ? " each" : "");
  uint64_t subClusters = 0, controllers = 0;
  auto add = [&](const auto &part) {
    subClusters += part.sub_clusters;
    controllers += part.controllers;
  };
  for (const auto &context : program.dataflow->contexts)
    for (const auto &node : context->nodes) {
      add(*node);
      for (const auto &part : node->more_parts)
        add(*part);
    }
  return fmt::format("{}, {}, {}, batch {}", counted(program.dataflow->contexts.size(), "context"),
                     counted(subClusters, "sub-cluster"), counted(controllers, "controller"),
                     program.dataflow->batch);
}

} // namespace

Expected<void> checkDeviceOptions(const CompileOptions &o, const emulator::DeviceT &device) {
  if (!o.tune.empty())
    return error(fmt::format("the program for {} cannot be measured on this machine", device.name),
                 "--tune", "leave it out");
  const device::MapOptions &d = o.device;
  const char *foreign = nullptr;
  if (device.scheduled)
    foreign = d.batch != 1                                              ? "--batch"
              : d.contexts                                              ? "--contexts"
              : d.computeCap > 0 || d.controlCap > 0 || d.memoryCap > 0 ? "a cap"
                                                                        : nullptr;
  else
    foreign = d.units ? "--shaves" : d.streams ? "--streams" : nullptr;
  if (!foreign)
    return {};
  return error(fmt::format("{} has no {}: layers {}", device.name,
                           std::string_view(foreign) == "a cap"
                               ? "utilisation caps"
                               : std::string_view(foreign).substr(2),
                           device.scheduled ? "run one after the other, in --streams side by side"
                                            : "are all resident, in contexts"),
               foreign, "leave it out");
}

bool isDeviceTarget(const std::string &target) {
  return target.ends_with(".json") ||
         std::ranges::any_of(device::deviceNames(),
                             [&](const auto &name) { return name == target; });
}

bool computesInIntegers(const emulator::DeviceT &device) {
  return device.dataflow || device.scheduled->native_type == "i8";
}

bool hasNoDilation(const emulator::DeviceT &device) {
  return device.scheduled && std::ranges::any_of(device.scheduled->engines, [](const auto &engine) {
           return engine->kind == emulator::EngineKind::Convolution && engine->limits &&
                  !engine->limits->dilation;
         });
}

bool quantizesForTarget(const std::string &target) {
  if (!isDeviceTarget(target))
    return false;
  auto device = device::loadDevice(target); // what is wrong with it is told when it is used
  return device && computesInIntegers(*device);
}

Expected<void> emitDevice(const Module &module, const CompileOptions &o,
                          const emulator::DeviceT &device, CompileSummary &summary) {
  EDGECC_TRY(code, device::mapFunction(module.main(), device, o.device));
  std::vector<std::string> hostParts;
  for (device::HostPart &part : code.hostParts) {
    NativeOptions native;
    native.cpu = o.cpu.empty() ? "host" : o.cpu;
    native.exact = o.exact;
    EDGECC_TRY(bytes, compileToBlob(std::move(part.module), native));
    hostParts.push_back(std::move(bytes));
    for (size_t i = 0; i < part.nodes.size(); ++i) {
      // Conversions at the border have no node of their own.
      std::string node = part.nodes[i].empty() ? "input or output" : part.nodes[i];
      summary.hostOps.push_back({node, part.reasons[i]});
      summary.notes.push_back({"device", node, "runs on the host: " + part.reasons[i]});
    }
  }
  bool runsOnDevice = code.program.scheduled
                          ? std::ranges::any_of(code.program.scheduled->instructions,
                                                [](const auto &instruction) {
                                                  return !instruction->kernel.AsHostCall();
                                                })
                          : !code.program.dataflow->contexts.empty();
  if (!runsOnDevice)
    summary.warnings.push_back("nothing of the model runs on " + device.name +
                               ": all its ops are left to the host");
  bool showsTimeline = o.compress.wantsReport() || !o.trace.empty();
  auto measured = emulator::measure(code.program, showsTimeline);
  if (!measured)
    return error("the emulator refuses the program: " + measured.error().message, device.name,
                 "this is a mistake of the mapper's: please report it");

  EDGECC_TRY(contents, describePorts(module));
  std::vector<std::byte> program = emulator::writeProgram(code.program);
  if (auto checked = emulator::readProgram(program, code.weights.size()); !checked)
    return error("the program cannot be run: " + checked.error().message, device.name,
                 "inputs and outputs of types that devices do not have need a cast in the model");
  blob::DeviceContents &out = contents.device.emplace();
  out.device = device.name;
  out.program = viewOf(program);
  out.weights = viewOf(code.weights);
  out.hostParts.assign(hostParts.begin(), hostParts.end());
  out.latencyMs = measured->latencyUs / 1e3;
  out.fps = measured->fps;
  out.bottleneck = measured->bottleneck;
  out.resources = resourcesOf(code.program);
  if (std::string message = blob::writeBlobFile(o.output.string(), contents); !message.empty())
    return error(message, o.output.string());

  for (const std::string &note : code.notes)
    summary.notes.push_back({"device", "", note});
  summary.device = fmt::format("{}: {:.2f} ms, {:.1f} frames a second, {}; limited by {}",
                               device.name, out.latencyMs, out.fps, out.resources, out.bottleneck);
  summary.budget = judge(o.budget, code.program, *measured);
  summary.deviceRun = std::move(*measured);
  summary.deviceProgram = std::make_shared<emulator::ProgramT>(std::move(code.program));
  summary.weightsBytes = static_cast<int64_t>(code.weights.size());
  return {};
}

} // namespace edgecc::driver
