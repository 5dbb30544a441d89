#include "driver/device/share/Divide.h"

#include <algorithm>

namespace edgecc::driver {

namespace {

const emulator::EngineT *vectorEngine(const emulator::DeviceT &device) {
  for (const auto &engine : device.scheduled->engines)
    if (engine->kind == emulator::EngineKind::Vector)
      return engine.get();
  return nullptr;
}

} // namespace

unsigned divisibleUnits(const emulator::DeviceT &device) {
  if (device.dataflow)
    return device.dataflow->clusters;
  const emulator::EngineT *engine = vectorEngine(device);
  return engine ? engine->count : 0;
}

emulator::DeviceT partOf(const emulator::DeviceT &device, unsigned units, unsigned models) {
  emulator::DeviceT part = device;
  unsigned total = divisibleUnits(device);
  if (part.dataflow) {
    part.dataflow->clusters = units;
    return part;
  }
  emulator::ScheduledMachineT &machine = *part.scheduled;
  for (auto &memory : machine.memories) {
    if (memory->slices <= 1) {
      memory->bandwidth_gb_s /= models;
      memory->bytes = std::max<uint64_t>(memory->bytes / models, memory->alignment);
      continue;
    }
    unsigned usable = memory->slices - memory->reserved_slices;
    unsigned slices = std::max(1u, usable * units / total);
    memory->bytes = memory->bytes / memory->slices * slices;
    memory->slices = slices;
    memory->reserved_slices = 0;
  }
  for (auto &engine : machine.engines) {
    if (engine->kind == emulator::EngineKind::Vector) {
      engine->count = units;
      continue;
    }
    // Fewer engines than models are taken in turn: each then has one at a part of its speed.
    double own = static_cast<double>(engine->count) / models;
    engine->count = std::max(1u, static_cast<unsigned>(own));
    engine->clock_mhz *= own / engine->count;
    engine->units_per_stream = 0;
  }
  machine.default_streams = machine.max_streams = 1;
  machine.default_units = units;
  machine.max_units_times_streams = units;
  return part;
}

std::vector<unsigned> divide(const std::vector<std::vector<double>> &values, unsigned total) {
  struct Best {
    double least = -1, sum = 0;
    unsigned units = 0; // of the last model
  };
  // best[m][u]: the first m models on u units.
  std::vector<std::vector<Best>> best(values.size() + 1, std::vector<Best>(total + 1));
  for (Best &none : best[0])
    none.least = 1e300;
  for (size_t m = 0; m < values.size(); ++m)
    for (unsigned u = 1; u <= total; ++u)
      for (unsigned own = 1; own <= std::min<size_t>(u, values[m].size()); ++own) {
        const Best &before = best[m][u - own];
        double value = values[m][own - 1];
        if (value < 0 || before.least < 0)
          continue;
        double least = std::min(before.least, value), sum = before.sum + value;
        Best &here = best[m + 1][u];
        if (least > here.least || (least == here.least && sum > here.sum))
          here = {least, sum, own};
      }
  std::vector<unsigned> units(values.size());
  unsigned left = total;
  for (size_t m = values.size(); m-- > 0;) {
    const Best &here = best[m + 1][left];
    if (here.least < 0)
      return {};
    units[m] = here.units;
    left -= here.units;
  }
  return units;
}

namespace {

void addDivisions(std::vector<unsigned> &units, unsigned models, unsigned left, size_t limit,
                  std::vector<std::vector<unsigned>> &all) {
  auto others = static_cast<unsigned>(models - units.size());
  if (all.size() >= limit || left < others)
    return;
  for (unsigned own = others == 1 ? left : 1; own + others - 1 <= left; ++own) {
    units.push_back(own);
    if (others == 1)
      all.push_back(units);
    else
      addDivisions(units, models, left - own, limit, all);
    units.pop_back();
  }
}

} // namespace

std::vector<std::vector<unsigned>> divisions(unsigned models, unsigned total, size_t limit) {
  std::vector<std::vector<unsigned>> all;
  std::vector<unsigned> units;
  if (models > 0)
    addDivisions(units, models, total, limit, all);
  return all;
}

} // namespace edgecc::driver
