// SPDX-License-Identifier: Apache-2.0
//
// Whether a machine can be as its description says.
#include "runtime/emulator/Check.h"
#include "runtime/emulator/Cost.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

// Collects the first thing that is wrong.
class Checker {
public:
  void require(bool holds, const std::string &field, std::string_view rule) {
    if (!holds && problem_.empty())
      problem_ = fmt::format("{}: {}", field, rule);
  }
  void positive(double value, const std::string &field) {
    require(value >= kLeast && value <= kMost, field, "must lie in [1e-9, 1e9]");
  }
  void notNegative(double value, const std::string &field) {
    require(value >= 0 && value <= kMost, field, "must lie in [0, 1e9]");
  }
  void fraction(double value, const std::string &field) {
    require(value >= 1e-3 && value <= 1, field, "must lie in [0.001, 1]");
  }
  void count(uint64_t value, const std::string &field) {
    require(value >= 1 && value <= kMaxUnits, field, fmt::format("must lie in [1, {}]", kMaxUnits));
  }
  const std::string &problem() const { return problem_; }

private:
  // Sums of numbers in these bounds stay finite.
  static constexpr double kLeast = 1e-9, kMost = 1e9;

  std::string problem_;
};

bool isKnown(WorkClass work) { return work >= WorkClass::MIN && work <= WorkClass::MAX; }

bool isPowerOfTwo(uint32_t value) { return value > 0 && (value & (value - 1)) == 0; }

// Index of the first element whose key an earlier one has; -1 if there is none.
template <class List, class Key> int repeated(const List &list, Key &&key) {
  for (size_t i = 0; i < list.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (list[i] && list[j] && key(*list[i]) == key(*list[j]))
        return static_cast<int>(i);
  return -1;
}

void checkRates(const std::vector<std::unique_ptr<WorkRateT>> &rates, const std::string &at,
                Checker &check) {
  for (const auto &rate : rates) {
    check.require(rate && isKnown(rate->work), at, "names no kind of work");
    if (!rate)
      continue;
    check.positive(rate->units_per_cycle, at + ".units_per_cycle");
    check.notNegative(rate->overhead_us, at + ".overhead_us");
  }
  check.require(repeated(rates, [](const WorkRateT &rate) { return rate.work; }) < 0, at,
                "names a kind of work twice");
}

void checkLimits(const ConvolutionLimitsT &limits, const std::string &at, Checker &check) {
  for (const auto &pool : limits.pools)
    check.require(pool && pool->kernel >= 1 && pool->stride >= 1 && pool->pad < pool->kernel &&
                      pool->pool_kernel >= 1 && pool->pool_kernel <= kMaxFusedPool &&
                      pool->pool_stride >= 1 && pool->pool_stride <= kMaxFusedPool,
                  at + ".pools",
                  fmt::format("kernel, stride, pool_kernel and pool_stride must be at least 1, the "
                              "last two at most {}, and pad below kernel",
                              kMaxFusedPool));
}

// The names of functions that an engine knows are those of the program's format.
bool isFunction(const std::string &name) {
  return std::ranges::any_of(EnumValuesFunction(),
                             [&](Function function) { return name == EnumNameFunction(function); });
}

void checkMemory(const MemoryT &memory, const std::string &at, Checker &check) {
  check.require(!memory.name.empty(), at + ".name", "must not be empty");
  check.require(memory.bytes > 0 && memory.bytes <= kMaxMemoryBytes, at + ".bytes",
                "must lie in [1, 2^32]");
  check.positive(memory.bandwidth_gb_s, at + ".bandwidth_gb_s");
  check.require(isPowerOfTwo(memory.alignment) && memory.alignment <= 4096, at + ".alignment",
                "must be a power of two up to 4096");
  check.require(isPowerOfTwo(memory.burst_bytes) && memory.burst_bytes <= 4096, at + ".burst_bytes",
                "must be a power of two up to 4096");
  check.count(memory.slices, at + ".slices");
  check.require(memory.slices <= memory.bytes, at + ".slices", "must hold a byte each");
  check.require(memory.reserved_slices < memory.slices, at + ".reserved_slices",
                "must leave a slice");
  check.require(memory.extra_bytes <= memory.bytes, at + ".extra_bytes",
                "must not exceed the memory");
  check.count(memory.slice_divisor, at + ".slice_divisor");
  check.notNegative(memory.energy_pj_per_byte, at + ".energy_pj_per_byte");
}

void checkEngine(const EngineT &engine, const ScheduledMachineT &machine, const std::string &at,
                 Checker &check) {
  check.require(!engine.name.empty(), at + ".name", "must not be empty");
  check.require(engine.kind >= EngineKind::MIN && engine.kind <= EngineKind::MAX, at + ".kind",
                "is not one of Convolution, Vector, Transfer, Host");
  check.count(engine.count, at + ".count");
  check.positive(engine.clock_mhz, at + ".clock_mhz");
  check.fraction(engine.efficiency, at + ".efficiency");
  check.notNegative(engine.issue_us, at + ".issue_us");
  check.notNegative(engine.bandwidth_gb_s, at + ".bandwidth_gb_s");
  check.notNegative(engine.energy_pj_per_mac, at + ".energy_pj_per_mac");
  check.notNegative(engine.energy_pj_per_element, at + ".energy_pj_per_element");
  check.require(engine.units_per_stream <= engine.count, at + ".units_per_stream",
                fmt::format("must not exceed count, {}", engine.count));
  check.require(engine.slices_per_unit <= kMaxUnits, at + ".slices_per_unit",
                fmt::format("must not exceed {}", kMaxUnits));
  check.require(engine.bus_bytes <= 4096, at + ".bus_bytes", "must lie in [0, 4096]");
  check.require(engine.tile_us <= 1e9 && engine.tile_us >= -1e9, at + ".tile_us",
                "must be at most 1e9, or negative: as issue_us");
  check.require(!engine.memories.empty(), at + ".memories",
                "must name a memory that its operands may lie in");
  for (const std::string &name : engine.activations)
    check.require(isFunction(name), at + ".activations",
                  fmt::format("'{}' is no function of runtime/emulator/schema/program.fbs", name));
  for (const std::string &name : engine.float_types)
    check.require(name == "f16" || name == "f32", at + ".float_types", "are f16 and f32");
  if (engine.limits)
    checkLimits(*engine.limits, at + ".limits", check);
  check.require(engine.kind != EngineKind::Convolution || !engine.modes.empty(), at + ".modes",
                "a convolution engine needs one");
  for (const auto &mode : engine.modes)
    check.require(mode && mode->in_block >= 1 && mode->in_block <= 65536 && mode->out_block >= 1 &&
                      mode->out_block <= 65536 && mode->extra_cycles <= 65536,
                  at + ".modes", "blocks must lie in [1, 65536]");
  checkRates(engine.rates, at + ".rates", check);
  for (const std::string &memory : engine.memories)
    check.require(std::ranges::any_of(machine.memories,
                                      [&](const auto &m) { return m && m->name == memory; }),
                  at + ".memories", "names no memory");
}

void checkMachine(const ScheduledMachineT &machine, Checker &check) {
  check.require(!machine.memories.empty() && machine.memories.size() <= kMaxMemories,
                "scheduled.memories", fmt::format("there must be 1 to {}", kMaxMemories));
  check.require(!machine.engines.empty() && machine.engines.size() <= 64, "scheduled.engines",
                "there must be 1 to 64");
  uint64_t bytes = 0;
  bool constants = false, interface = false;
  for (size_t i = 0; i < machine.memories.size(); ++i) {
    std::string at = fmt::format("scheduled.memories[{}]", i);
    check.require(machine.memories[i] != nullptr, at, "is empty");
    if (!machine.memories[i])
      return;
    checkMemory(*machine.memories[i], at, check);
    bytes += std::min(machine.memories[i]->bytes, kMaxMemoryBytes);
    constants |= machine.memories[i]->holds_constants;
    interface |= machine.memories[i]->holds_interface;
  }
  check.require(bytes <= kMaxMemoryBytes, "scheduled.memories",
                "hold more than 2^32 bytes together");
  int again = repeated(machine.memories, [](const MemoryT &memory) { return memory.name; });
  check.require(again < 0, fmt::format("scheduled.memories[{}].name", again),
                "is that of an earlier memory");
  check.require(constants, "scheduled.memories", "one must have holds_constants");
  check.require(interface, "scheduled.memories", "one must have holds_interface");
  for (size_t i = 0; i < machine.engines.size(); ++i) {
    std::string at = fmt::format("scheduled.engines[{}]", i);
    check.require(machine.engines[i] != nullptr, at, "is empty");
    if (machine.engines[i])
      checkEngine(*machine.engines[i], machine, at, check);
  }
  again = repeated(machine.engines, [](const EngineT &engine) { return engine.name; });
  check.require(again < 0, fmt::format("scheduled.engines[{}].name", again),
                "is that of an earlier engine");
  check.notNegative(machine.layer_us, "scheduled.layer_us");
  check.require(machine.native_type == "f16" || machine.native_type == "i8",
                "scheduled.native_type", "must be f16 or i8");
  check.require(machine.max_streams >= 1 && machine.max_streams <= kMaxStreams,
                "scheduled.max_streams", fmt::format("must lie in [1, {}]", kMaxStreams));
  check.require(machine.default_streams >= 1 && machine.default_streams <= machine.max_streams,
                "scheduled.default_streams", "must lie in [1, max_streams]");
  uint64_t vectors = 0;
  for (const auto &engine : machine.engines)
    if (engine && engine->kind == EngineKind::Vector)
      vectors = std::max<uint64_t>(vectors, engine->count);
  uint64_t most = machine.max_units_times_streams ? machine.max_units_times_streams : vectors;
  check.require(machine.max_units_times_streams <= kMaxUnits * kMaxStreams,
                "scheduled.max_units_times_streams",
                fmt::format("must not exceed {}", kMaxUnits * kMaxStreams));
  check.require(machine.default_units <= vectors &&
                    uint64_t{machine.default_units} * machine.default_streams <= most,
                "scheduled.default_units",
                fmt::format("must not exceed the {} vector units, nor {} for all default_streams",
                            vectors, most));
}

void checkMachine(const DataflowMachineT &machine, Checker &check) {
  check.positive(machine.clock_mhz, "dataflow.clock_mhz");
  check.count(machine.clusters, "dataflow.clusters");
  check.count(machine.sub_clusters, "dataflow.sub_clusters");
  check.count(machine.controllers, "dataflow.controllers");
  check.require(machine.memory_bytes > 0 &&
                    machine.memory_bytes <= kMaxMemoryBytes / std::max(machine.clusters, 1u),
                "dataflow.memory_bytes", "all clusters together must hold 1 to 2^32 bytes");
  check.count(machine.macs_per_cycle, "dataflow.macs_per_cycle");
  check.count(machine.max_sub_clusters, "dataflow.max_sub_clusters");
  check.count(machine.max_parts, "dataflow.max_parts");
  check.notNegative(machine.row_overhead_cycles, "dataflow.row_overhead_cycles");
  for (const auto &work : machine.work) {
    check.require(work && isKnown(work->work), "dataflow.work", "names no kind of work");
    if (work) {
      check.positive(work->fraction, "dataflow.work.fraction");
      check.count(work->controllers, "dataflow.work.controllers");
    }
  }
  for (const auto &precision : machine.precisions) {
    check.require(precision != nullptr, "dataflow.precisions", "is empty");
    if (precision)
      check.positive(precision->fraction, "dataflow.precisions.fraction");
  }
  check.fraction(machine.compute_cap, "dataflow.compute_cap");
  check.fraction(machine.control_cap, "dataflow.control_cap");
  check.fraction(machine.memory_cap, "dataflow.memory_cap");
  check.require(machine.link != nullptr, "dataflow.link", "is missing");
  check.require(machine.link_width_multiple >= 1 && machine.link_width_multiple <= 4096,
                "dataflow.link_width_multiple", "must lie in [1, 4096]");
  auto layers = [&](uint32_t count, const char *field) {
    check.require(count >= 1 && count <= 64, field, "must lie in [1, 64]");
  };
  layers(machine.softmax_layers, "dataflow.softmax_layers");
  layers(machine.normalization_layers, "dataflow.normalization_layers");
  check.notNegative(machine.context_switch_us, "dataflow.context_switch_us");
  check.positive(machine.configuration_gb_s, "dataflow.configuration_gb_s");
  check.require(isPowerOfTwo(machine.row_alignment) && machine.row_alignment <= 4096,
                "dataflow.row_alignment", "must be a power of two up to 4096");
  check.require(repeated(machine.work, [](const WorkFractionT &work) { return work.work; }) < 0,
                "dataflow.work", "names a kind of work twice");
  check.notNegative(machine.energy_pj_per_mac, "dataflow.energy_pj_per_mac");
  check.notNegative(machine.energy_pj_per_element, "dataflow.energy_pj_per_element");
  check.notNegative(machine.energy_pj_per_memory_byte, "dataflow.energy_pj_per_memory_byte");
  check.notNegative(machine.energy_pj_per_link_byte, "dataflow.energy_pj_per_link_byte");
}

void checkLink(const HostLinkT *link, const std::string &at, Checker &check) {
  if (!link)
    return;
  check.positive(link->gb_s, at + ".gb_s");
  check.notNegative(link->latency_us, at + ".latency_us");
}

} // namespace

Result<void> checkDevice(const DeviceT &device) {
  Checker check;
  check.require(!device.name.empty(), "name", "must not be empty");
  check.require(!device.scheduled != !device.dataflow, "scheduled, dataflow",
                "a device is one of the two");
  check.notNegative(device.static_watts, "static_watts");
  checkLink(device.host_link.get(), "host_link", check);
  if (const HostProcessorT *host = device.host.get()) {
    check.positive(host->gmacs_s, "host.gmacs_s");
    check.positive(host->gelements_s, "host.gelements_s");
    check.notNegative(host->call_us, "host.call_us");
  }
  if (device.scheduled)
    checkMachine(*device.scheduled, check);
  if (device.dataflow) {
    checkMachine(*device.dataflow, check);
    checkLink(device.dataflow->link.get(), "dataflow.link", check);
  }
  if (!check.problem().empty())
    return fault(FaultKind::BadDevice, check.problem());
  return {};
}

} // namespace edgecc::emulator
