#include "driver/commands/InspectDevice.h"

#include "driver/Console.h"
#include "driver/device/DeviceJson.h"
#include "runtime/blob/Hash.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

using nlohmann::json;

Expected<InspectedDevice> openDevice(std::span<const std::byte> bytes, const blob::BlobView &view,
                                     const std::string &path, bool timeline) {
  const blob::DeviceProgram &device = *view.metadata().device();
  const blob::SectionEntry &section = view.section(device.program_section());
  for (uint32_t i = 0; i < view.sectionCount(); ++i) {
    const blob::SectionEntry &each = view.section(i);
    if (blob::hashBytes(bytes.data() + each.offset, each.size) != each.hash)
      return error(fmt::format("the file is damaged: the hash of section {} does not match", i),
                   path);
  }
  auto program = emulator::readProgram(bytes.subspan(section.offset, section.size),
                                       view.section(device.weights_section()).size);
  if (!program)
    return error(program.error().message, path);
  auto measured = emulator::measure(**program, timeline);
  if (!measured)
    return error(measured.error().message, path);
  return InspectedDevice{std::move(*program), std::move(*measured)};
}

json inspectDevice(const InspectedDevice &device, const blob::DeviceProgram &metadata) {
  json out = deviceJson(*device.program, device.measured);
  out["resources"] = blob::textOf(metadata.resources());
  out["metadata"] = {{"latency_ms", metadata.latency_ms()},
                     {"fps", metadata.fps()},
                     {"bottleneck", blob::textOf(metadata.bottleneck())}};
  return out;
}

void printDevice(const json &d) {
  auto text = [&](const char *key) { return d[key].get<std::string>(); };
  fmt::print("device  {} ({})\n        {}\n", text("name"), text("title"), text("resources"));
  fmt::print("        {:.3f} ms, {:.1f} frames a second, {:.3f} mJ a frame\n",
             d["latency_ms"].get<double>(), d["fps"].get<double>(), d["energy_mj"].get<double>());
  fmt::print("        limited by {}\n", text("bottleneck"));
  for (const json &memory : d["memories"]) {
    fmt::print("memory  {:<12} {:>10} read, {:>10} written a frame",
               memory["name"].get<std::string>(), formatBytes(memory["read"]),
               formatBytes(memory["written"]));
    if (memory["capacity"] > 0)
      fmt::print(", {} of {} full", formatBytes(memory["peak"]), formatBytes(memory["capacity"]));
    fmt::print("\n");
  }
  for (const json &engine : d["engines"])
    fmt::print("engine  {:<12} {:>5.1f} % busy\n", engine["name"].get<std::string>(),
               100 * engine["busy"].get<double>());
  if (d["host_parts"] > 0)
    fmt::print("host    {} parts run on the CPU\n", d["host_parts"].dump());
  for (const json &layer : d["layers"])
    fmt::print("layer   {:>10} {:>9} MACs {:>4.0f} %  {}  {}\n",
               formatTime(layer["busy_us"].get<double>() * 1e3), formatCount(layer["macs"]),
               100 * layer["utilization"].get<double>(), layer["name"].get<std::string>(),
               layer["op"].get<std::string>());
}

} // namespace edgecc::driver
