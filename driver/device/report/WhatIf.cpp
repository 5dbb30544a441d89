#include "driver/device/report/WhatIf.h"

#include "runtime/emulator/Cost.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <future>
#include <set>

namespace edgecc::driver {

using namespace emulator;

namespace {

struct Variant {
  std::string change;
  device::MapOptions options;
};

// The most vector units that each of `streams` streams may have.
unsigned mostUnits(const ScheduledMachineT &machine, unsigned streams) {
  unsigned most = 0;
  for (const auto &engine : machine.engines)
    if (engine->kind == EngineKind::Vector) {
      unsigned limit =
          machine.max_units_times_streams ? machine.max_units_times_streams : engine->count;
      most = std::min(engine->count, limit / streams);
      for (const auto &memory : machine.memories)
        if (memory->slices > 1 && engine->slices_per_unit > 0)
          most = std::min(most, (memory->slices - memory->reserved_slices) / streams /
                                    engine->slices_per_unit);
    }
  return most;
}

std::vector<Variant> scheduledVariants(const ScheduledMachineT &machine,
                                       const ScheduledProgramT &program,
                                       const device::MapOptions &used) {
  std::vector<Variant> variants;
  auto add = [&](std::string change, unsigned units, unsigned streams) {
    device::MapOptions options = used;
    options.units = units;
    options.streams = streams;
    variants.push_back({std::move(change), std::move(options)});
  };
  unsigned units = program.vector_units, streams = program.streams;
  if (unsigned most = mostUnits(machine, streams); most > units)
    add(fmt::format("{} vector units instead of {}", most, units), most, streams);
  if (streams > 1)
    if (unsigned most = mostUnits(machine, 1); most > 0)
      add(fmt::format("one stream with {} vector units instead of {} with {}", most, streams,
                      units),
          most, 1);
  if (streams < machine.max_streams)
    if (unsigned most = std::min(units, mostUnits(machine, streams + 1)); most > 0)
      add(fmt::format("{} streams with {} vector units each instead of {}", streams + 1, most,
                      streams),
          most, streams + 1);
  return variants;
}

std::vector<Variant> dataflowVariants(const DataflowMachineT &machine,
                                      const DataflowProgramT &program,
                                      const device::MapOptions &used) {
  std::vector<Variant> variants;
  auto inForce = [](double wanted, double usual) { return wanted > 0 ? wanted : usual; };
  double least = std::min({inForce(used.computeCap, machine.compute_cap),
                           inForce(used.controlCap, machine.control_cap),
                           inForce(used.memoryCap, machine.memory_cap)});
  if (least < 1) {
    device::MapOptions options = used;
    options.computeCap = options.controlCap = options.memoryCap = 1;
    variants.push_back({"caps of 1 for compute, control and memory", options});
  }
  if (program.contexts.size() > 1) {
    device::MapOptions options = used;
    options.batch = used.batch * 4;
    variants.push_back(
        {fmt::format("batches of {} frames instead of {}", options.batch, used.batch), options});
  }
  return variants;
}

WhatIf tryVariant(const edgecc::Function &function, const DeviceT &device, const Variant &variant) {
  WhatIf result{.change = variant.change};
  auto code = device::mapFunction(function, device, variant.options);
  if (!code) {
    result.failure = code.error().front().what;
    return result;
  }
  auto measured = measure(code->program);
  if (!measured) {
    result.failure = measured.error().message;
    return result;
  }
  result.fps = measured->fps;
  result.latencyMs = measured->latencyUs / 1e3;
  return result;
}

void tryMachine(std::vector<WhatIf> &results, ProgramT &changed, std::string change) {
  if (auto measured = measure(changed))
    results.push_back({std::move(change), measured->fps, measured->latencyUs / 1e3, ""});
}

// Layers from the slowest on.
std::vector<size_t> slowestLayers(const RunReport &report) {
  std::vector<size_t> order;
  for (size_t i = 0; i < report.layers.size(); ++i)
    if (report.layers[i].macs > 0)
      order.push_back(i);
  std::ranges::stable_sort(order, std::greater(),
                           [&](size_t i) { return report.layers[i].busyUs; });
  return order;
}

// Activation functions on the vector engine, which a convolution engine could do in passing if they
// were others.
std::string activationAdvice(const ProgramT &program, const RunReport &report) {
  const ScheduledMachineT &machine = *program.device->scheduled;
  const EngineT *convolution = nullptr;
  for (const auto &engine : machine.engines)
    if (engine->kind == EngineKind::Convolution && !engine->activations.empty())
      convolution = engine.get();
  if (!convolution)
    return "";
  std::set<uint32_t> layers;
  std::set<std::string> functions;
  for (const auto &instruction : program.scheduled->instructions) {
    const EngineT &engine = *machine.engines[program.scheduled->queues[instruction->queue]->engine];
    if (engine.kind != EngineKind::Vector || instruction->kernel.type != Kernel::Map)
      continue;
    for (const auto &stage : instruction->stages)
      if (stage->operands.empty() && isTranscendental(stage->function)) {
        layers.insert(instruction->layer);
        functions.insert(EnumNameFunction(stage->function));
      }
  }
  double us = 0, all = 0;
  for (uint32_t layer : layers)
    us += report.layers[layer].busyUs;
  for (const LayerUse &use : report.layers)
    all += use.busyUs;
  if (us < 0.05 * all)
    return "";
  return fmt::format("Activations by {} take {:.2f} ms, {:.0f} % of the engines' time; "
                     "{} behind a convolution cost nothing.",
                     fmt::join(functions, ", "), us / 1e3, 100 * us / all,
                     fmt::join(convolution->activations, ", "));
}

} // namespace

std::vector<WhatIf> tryOptions(const edgecc::Function &function, const DeviceT &device,
                               const device::MapOptions &used, const ProgramT &program) {
  std::vector<Variant> variants =
      program.scheduled ? scheduledVariants(*device.scheduled, *program.scheduled, used)
                        : dataflowVariants(*device.dataflow, *program.dataflow, used);
  std::vector<std::future<WhatIf>> running;
  for (const Variant &variant : variants)
    running.push_back(
        std::async(std::launch::async, [&] { return tryVariant(function, device, variant); }));
  std::vector<WhatIf> results;
  for (auto &each : running)
    results.push_back(each.get());
  return results;
}

std::vector<WhatIf> tryMachines(const ProgramT &program) {
  std::vector<WhatIf> results;
  ProgramT changed(program);
  if (ScheduledMachineT *machine = changed.device->scheduled.get()) {
    auto doubled = [&](double &value, std::string change) {
      double was = value;
      value *= 2;
      tryMachine(results, changed, std::move(change));
      value = was;
    };
    for (const auto &engine : machine->engines)
      if (engine->kind == EngineKind::Convolution || engine->kind == EngineKind::Vector)
        doubled(engine->clock_mhz, fmt::format("a clock of {} twice as high", engine->name));
    for (const auto &memory : machine->memories)
      doubled(memory->bandwidth_gb_s, fmt::format("twice the bandwidth of {}", memory->name));
    if (machine->layer_us > 0) {
      machine->layer_us /= 2;
      tryMachine(results, changed, "half the time to set up a layer");
    }
    return results;
  }
  DataflowMachineT &machine = *changed.device->dataflow;
  if (machine.link) {
    machine.link->gb_s *= 2;
    machine.link->latency_us /= 2;
    tryMachine(results, changed, "a link to the host twice as fast");
    machine.link->gb_s /= 2;
    machine.link->latency_us *= 2;
  }
  if (changed.dataflow->contexts.size() > 1) {
    machine.configuration_gb_s *= 2;
    machine.context_switch_us /= 2;
    tryMachine(results, changed, "loading contexts twice as fast");
    machine.configuration_gb_s /= 2;
    machine.context_switch_us *= 2;
  }
  if (HostProcessorT *host = changed.device->host.get();
      host && !changed.dataflow->host_steps.empty()) {
    HostProcessorT was = *host;
    host->gmacs_s *= 2;
    host->gelements_s *= 2;
    host->call_us /= 2;
    tryMachine(results, changed, "a host twice as fast");
    *host = was;
  }
  machine.clock_mhz *= 2;
  tryMachine(results, changed, "a clock twice as high");
  return results;
}

std::vector<std::string> adviceOf(const ProgramT &program, const RunReport &report) {
  constexpr double kCut = 0.25; // of a layer's output channels
  constexpr size_t kNamed = 3;
  std::vector<std::string> advice;
  if (program.scheduled)
    if (std::string text = activationAdvice(program, report); !text.empty())
      advice.push_back(std::move(text));
  std::vector<size_t> order = slowestLayers(report);
  if (order.empty())
    return advice;
  auto name = [&](size_t layer) { return "'" + program.layers[layer]->name + "'"; };
  if (program.dataflow && report.contexts == 1) {
    // The slowest layer sets the rate, until another one, or the link, is the slowest.
    double first = report.layers[order[0]].busyUs;
    double second = order.size() > 1 ? report.layers[order[1]].busyUs : 0;
    double linkUs = report.fps > 0 && !report.memories.empty()
                        ? report.memories.back().busy / report.fps * 1e6
                        : 0;
    double after = std::max({(1 - kCut) * first, second, linkUs});
    if (first * report.fps > 0.8e6 && first > 1.01 * after)
      advice.push_back(fmt::format("A quarter fewer output channels in {}, the slowest layer, "
                                   "would give up to {:.0f} frames "
                                   "a second{}.",
                                   name(order[0]), 1e6 / after,
                                   linkUs == after ? "; the link is the slowest then"
                                   : second == after
                                       ? "; " + name(order[1]) + " is the slowest then"
                                       : ""));
    return advice;
  }
  double all = 0;
  for (const LayerUse &use : report.layers)
    all += use.busyUs;
  for (size_t i = 0; i < order.size() && i < kNamed; ++i) {
    const LayerUse &use = report.layers[order[i]];
    if (use.busyUs < 0.03 * all || kCut * use.busyUs < 0.005 * report.latencyUs)
      break;
    advice.push_back(fmt::format(
        "A quarter fewer output channels in {} ({:.2f} ms, {:.0f} % of the "
        "engines' time) would save about {:.2f} ms of a frame.",
        name(order[i]), use.busyUs / 1e3, 100 * use.busyUs / all, kCut * use.busyUs / 1e3));
  }
  return advice;
}

std::string sentenceOf(const WhatIf &whatIf, const RunReport &report) {
  if (!whatIf.failure.empty())
    return whatIf.change + ": not possible, " + whatIf.failure;
  auto change = [](double now, double before) {
    double percent = before > 0 ? 100 * (now / before - 1) : 0;
    return std::abs(percent) < 0.5 ? std::string("as now") : fmt::format("{:+.0f} %", percent);
  };
  return fmt::format("{}: {:.1f} frames a second ({}), {:.2f} ms ({})", whatIf.change, whatIf.fps,
                     change(whatIf.fps, report.fps), whatIf.latencyMs,
                     change(whatIf.latencyMs, report.latencyUs / 1e3));
}

} // namespace edgecc::driver
