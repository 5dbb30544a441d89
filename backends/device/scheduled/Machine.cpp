#include "backends/device/scheduled/Machine.h"

#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::scheduled {

using emulator::EngineKind;

bool StreamMachine::reaches(int index, uint32_t memoryIndex) const {
  const auto &names = engine(index).memories;
  return std::ranges::find(names, memory(memoryIndex).name) != names.end();
}

namespace {

Expected<void> divideMemories(StreamMachine &result) {
  const auto &machine = *result.machine;
  bool hasMain = false;
  for (uint32_t i = 0; i < machine.memories.size(); ++i) {
    const auto &memory = *machine.memories[i];
    if (memory.holds_constants && memory.holds_interface && !hasMain) {
      result.main = i;
      hasMain = true;
    }
  }
  if (!hasMain)
    return error("no memory of the device holds both constants and inputs and outputs",
                 result.device->name);
  // The fastest other one.
  for (uint32_t i = 0; i < machine.memories.size(); ++i)
    if (i != result.main &&
        (result.local < 0 ||
         machine.memories[i]->bandwidth_gb_s >
             machine.memories[static_cast<size_t>(result.local)]->bandwidth_gb_s))
      result.local = static_cast<int>(i);
  if (result.local < 0)
    return {};
  const auto &local = *machine.memories[static_cast<size_t>(result.local)];
  if (emulator::slicedMemory(machine) != result.local) {
    if (result.streams > 1)
      return error(fmt::format("{} streams cannot share {}, which is not divided into slices",
                               result.streams, local.name),
                   "--streams", "use one stream");
    result.localBytes = result.tileBytes = local.bytes;
    return {};
  }
  result.slices = (local.slices - local.reserved_slices) / result.streams;
  if (result.slices == 0)
    return error(fmt::format("{} streams need a slice of {} each, and there are {}", result.streams,
                             local.name, local.slices - local.reserved_slices),
                 "--streams");
  uint64_t slice = emulator::sliceBytes(local);
  result.localBytes = result.slices * slice;
  result.tileBytes =
      std::min(result.slices / local.slice_divisor * slice + local.extra_bytes, result.localBytes);
  return {};
}

Expected<void> divideUnits(StreamMachine &result, const MapOptions &options) {
  const auto &machine = *result.machine;
  if (result.vector < 0)
    return {};
  const auto &engine = result.engine(result.vector);
  unsigned limit = machine.max_units_times_streams ? machine.max_units_times_streams : engine.count;
  unsigned most = std::min(engine.count, limit / result.streams);
  if (engine.slices_per_unit > 0 && result.slices > 0)
    most = std::min(most, result.slices / engine.slices_per_unit);
  unsigned units = options.units;
  if (units == 0)
    units = machine.default_units > 0 && result.streams == machine.default_streams
                ? std::min(machine.default_units, most)
                : most;
  if (units == 0 || units > most)
    return error(fmt::format("{} units of {} for each of {} streams are too many: units times "
                             "streams may be {}, and each unit takes a slice of the stream's {}",
                             options.units, engine.name, result.streams, limit, result.slices),
                 "--shaves", fmt::format("use at most {}", most));
  result.vectorUnits = units;
  return {};
}

} // namespace

Expected<StreamMachine> divideMachine(const emulator::DeviceT &device, const MapOptions &options) {
  StreamMachine result;
  result.device = &device;
  result.machine = device.scheduled.get();
  const auto &machine = *result.machine;
  result.streams = options.streams ? options.streams : machine.default_streams;
  if (result.streams > machine.max_streams)
    return error(fmt::format("{} runs {} streams at most, not {}", device.name, machine.max_streams,
                             result.streams),
                 "--streams");
  EDGECC_CHECK(divideMemories(result));

  auto find = [&](EngineKind kind) {
    for (size_t i = 0; i < machine.engines.size(); ++i)
      if (machine.engines[i]->kind == kind)
        return static_cast<int>(i);
    return -1;
  };
  result.convolution = find(EngineKind::Convolution);
  result.vector = find(EngineKind::Vector);
  result.transfer = find(EngineKind::Transfer);
  result.host = find(EngineKind::Host);
  EDGECC_CHECK(divideUnits(result, options));
  auto queues = [&](int index) {
    const auto &engine = result.engine(index);
    return engine.units_per_stream ? std::min(engine.units_per_stream, engine.count)
                                   : std::max(engine.count / result.streams, 1u);
  };
  if (result.convolution >= 0)
    result.convolutionQueues = queues(result.convolution);
  if (result.transfer >= 0)
    result.transferQueues = queues(result.transfer);
  if (result.vector >= 0)
    for (uint32_t memory : {result.main, static_cast<uint32_t>(std::max(result.local, 0))})
      if (result.local >= 0 && !result.reaches(result.vector, memory))
        return error(fmt::format("the vector engine {} does not reach {}",
                                 result.engine(result.vector).name, result.memory(memory).name),
                     device.name);
  bool needsStaging = result.convolution >= 0 && !result.reaches(result.convolution, result.main);
  if (needsStaging && (result.local < 0 || result.transfer < 0 ||
                       !result.reaches(result.convolution, static_cast<uint32_t>(result.local))))
    return error(fmt::format("nothing brings data to {}: it does not reach {}, and there is no "
                             "transfer engine and local memory for it",
                             result.engine(result.convolution).name,
                             result.memory(result.main).name),
                 device.name);
  if (result.host >= 0 && !result.reaches(result.host, result.main))
    return error("the host engine does not reach the main memory", device.name);
  return result;
}

} // namespace edgecc::device::scheduled
