#include "driver/commands/DeviceArguments.h"

#include "driver/device/DeviceArtifact.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver {

void declareDeviceArguments(CLI::App &app, CompileOptions &o, std::string &budget) {
  auto add = [&](const std::string &name, auto &value, const std::string &type,
                 const std::string &help) {
    return app.add_option(name, value, help)->type_name(type)->group("Devices");
  };
  // 0 is what these hold where they are not given.
  CLI::Validator atLeastOne(
      [](const std::string &text) {
        bool isZero = !text.empty() && text.find_first_not_of('0') == std::string::npos;
        return isZero ? std::string("0 is too few: give 1 or more, or leave the option out for the "
                                    "device's default")
                      : std::string();
      },
      "");
  add("--shaves,--units", o.device.units, "N", "vector units of each stream; default: the device's")
      ->check(atLeastOne);
  add("--streams", o.device.streams, "N", "copies of the program that run side by side")
      ->check(atLeastOne);
  add("--batch", o.device.batch, "N", "frames for each visit of a context")->check(atLeastOne);
  add("--compute-cap", o.device.computeCap, "F", "fraction of the compute units that may be used")
      ->check(CLI::Range(0.01, 1.0));
  add("--control-cap", o.device.controlCap, "F", "fraction of the controllers")
      ->check(CLI::Range(0.01, 1.0));
  add("--memory-cap", o.device.memoryCap, "F", "fraction of the memory")
      ->check(CLI::Range(0.01, 1.0));
  add("--contexts", o.device.contexts, "N", "split the model into so many contexts")
      ->check(atLeastOne);
  app.add_flag("--no-host{false}", o.device.allowHost,
               "fail if an op cannot run on the device, rather than run it on the host")
      ->group("Devices");
  add("--budget", budget, "LIMITS",
      "fps=30,latency=24ms,memory=2MB,bandwidth=200MB/s,power=1.5W,energy=40mJ (all optional): "
      "says pass or fail for each, and which layers to change; fails with 1 if one is missed");
  add("--trace", o.trace, "FILE", "timeline of the device's engines, for Perfetto or Chrome");
}

namespace {

// The first option for devices that was given.
const char *deviceOption(const CompileOptions &o, const std::string &budget) {
  const device::MapOptions &d = o.device;
  return d.units            ? "--shaves"
         : d.streams        ? "--streams"
         : d.batch != 1     ? "--batch"
         : d.computeCap > 0 ? "--compute-cap"
         : d.controlCap > 0 ? "--control-cap"
         : d.memoryCap > 0  ? "--memory-cap"
         : d.contexts       ? "--contexts"
         : !d.allowHost     ? "--no-host"
         : !budget.empty()  ? "--budget"
         : !o.trace.empty() ? "--trace"
                            : nullptr;
}

} // namespace

Expected<void> checkDeviceArguments(CompileOptions &o, const std::string &budget) {
  const char *option = deviceOption(o, budget);
  if (!isDeviceTarget(o.target)) {
    if (option)
      return error(fmt::format("{} is for devices, and the target is a CPU", option), "--target",
                   fmt::format("name one of {}, or a description (.json)",
                               fmt::join(device::deviceNames(), ", ")));
    return {};
  }
  bool isPortable = o.emit == Emit::Ir || o.emit == Emit::Onnx;
  if (o.emit != Emit::Blob && !isPortable)
    return error("a device's program is a blob", "--emit", "leave --emit out");
  if (isPortable && option)
    return error(
        fmt::format("{} says something about a device's program, and none is written", option),
        "--emit", "leave one of them out");
  if (budget.empty())
    return {};
  EDGECC_TRY(limits, parseBudget(budget));
  o.budget = std::move(limits);
  return {};
}

} // namespace edgecc::driver
