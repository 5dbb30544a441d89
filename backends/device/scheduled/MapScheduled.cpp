#include "backends/device/scheduled/MapScheduled.h"

#include "backends/device/scheduled/Barriers.h"
#include "backends/device/scheduled/Emitter.h"
#include "backends/device/scheduled/Estimate.h"
#include "backends/device/scheduled/FusePools.h"
#include "backends/device/scheduled/Placement.h"
#include "backends/device/scheduled/Prefetch.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace edgecc::device {

namespace scheduled {

namespace {

// Attempts at a whole program. Each evicts buffers or shrinks tiles, so there is an end.
constexpr int kMostAttempts = 2000;
constexpr uint64_t kLeastRoom = 256; // bytes for tiles

class Mapper {
public:
  Mapper(const Function &function, const Tasks &tasks, const StreamMachine &machine)
      : tasks_(tasks), machine_(machine), storage_(function, tasks, machine, weights_) {}

  Expected<DeviceCode> run() {
    EDGECC_CHECK(chooseEngines());
    keepHostValuesInMain();
    for (int i = 0; i < kMostAttempts; ++i) {
      Emitter emitter(tasks_, machine_, storage_, attempt_);
      EDGECC_CHECK(emitter.run());
      prefetch(emitter.drafts, machine_);
      Placement placement = placeBuffers(emitter.drafts, emitter.buffers, machine_);
      if (placement.evicted.empty() && placement.cramped.empty())
        return finish(emitter, placement);
      for (uint32_t buffer : placement.evicted)
        storage_.buffers[buffer].isLocal = false;
      spills_ += placement.evicted.size();
      if (placement.evicted.empty())
        EDGECC_CHECK(shrinkTiles(placement));
    }
    return error("the memory plan does not settle", machine_.device->name);
  }

private:
  Expected<void> chooseEngines() {
    Diagnostics diagnostics;
    for (const Task &task : tasks_.list) {
      auto choice = chooseEngine(task, machine_);
      if (choice)
        attempt_.choices.push_back(std::move(*choice));
      else
        diagnostics.insert(diagnostics.end(), choice.error().begin(), choice.error().end());
    }
    if (!diagnostics.empty())
      return tl::unexpected(std::move(diagnostics));
    attempt_.room.assign(tasks_.list.size(), machine_.localBytes / 4 * 3);
    return {};
  }

  void keepHostValuesInMain() {
    if (machine_.local < 0 || machine_.host < 0 ||
        machine_.reaches(machine_.host, static_cast<uint32_t>(machine_.local)))
      return;
    for (const Task &task : tasks_.list) {
      if (task.hostPart < 0)
        continue;
      for (const auto *values : {&task.inputs, &task.outputs})
        for (const Value *value : *values)
          storage_.buffers[storage_.placeOf(value).buffer].isLocal = false;
    }
  }

  // Tiles that found no room although all else had left.
  Expected<void> shrinkTiles(const Placement &placement) {
    for (size_t task : std::set(placement.cramped.begin(), placement.cramped.end())) {
      Choice &choice = attempt_.choices[task];
      bool isSmall = attempt_.room[task] < kLeastRoom;
      if (isSmall && choice.vectorRuns && choice.runner != Runner::Vector) {
        choice.runner = Runner::Vector;
        choice.note = fmt::format("{} has no room for its tiles",
                                  machine_.memory(static_cast<uint32_t>(machine_.local)).name);
        continue;
      }
      if (isSmall)
        return error(fmt::format("its smallest tile needs {} bytes of {}, of which a stream has {}",
                                 placement.localNeeded,
                                 machine_.memory(static_cast<uint32_t>(machine_.local)).name,
                                 machine_.localBytes),
                     tasks_.list[task].ops.empty() ? "" : tasks_.list[task].ops[0]->location);
      attempt_.room[task] = attempt_.room[task] * 3 / 4;
    }
    return {};
  }

  struct Queues {
    uint32_t convolution = 0, loads = 0, stores = 0, vector = 0, host = 0;
  };

  Queues addQueues(emulator::ScheduledProgramT &program) const {
    Queues queues;
    auto add = [&](int engine, unsigned count, unsigned units) {
      auto first = static_cast<uint32_t>(program.queues.size());
      for (unsigned i = 0; i < count && engine >= 0; ++i) {
        auto queue = std::make_unique<emulator::QueueT>();
        queue->engine = static_cast<uint32_t>(engine);
        queue->units = units;
        program.queues.push_back(std::move(queue));
      }
      return first;
    };
    queues.convolution = add(machine_.convolution, machine_.convolutionQueues, 1);
    queues.loads = add(machine_.transfer, machine_.transferQueues, 1);
    queues.stores = queues.loads + std::max(machine_.transferQueues, 1u) - 1;
    queues.vector = add(machine_.vector, machine_.vectorUnits > 0 ? 1 : 0, machine_.vectorUnits);
    queues.host = add(machine_.host, 1, 1);
    return queues;
  }

  Expected<DeviceCode> finish(Emitter &emitter, const Placement &placement) {
    DeviceCode code;
    emulator::ProgramT &program = code.program;
    program.device = std::make_unique<emulator::DeviceT>(*machine_.device);
    program.layers = std::move(emitter.layers);
    program.host_parts = static_cast<uint32_t>(tasks_.hostParts.size());
    program.options = fmt::format("units={} streams={}", machine_.vectorUnits, machine_.streams);
    program.scheduled = std::make_unique<emulator::ScheduledProgramT>();
    auto &scheduled = *program.scheduled;
    scheduled.streams = machine_.streams;
    scheduled.vector_units = machine_.vectorUnits;
    scheduled.slices = machine_.slices;

    std::vector<uint32_t> number(emitter.buffers.size(), 0);
    for (size_t i = 0; i < emitter.buffers.size(); ++i) {
      if (!placement.isUsed[i])
        continue;
      const VirtualBuffer &from = emitter.buffers[i];
      auto buffer = std::make_unique<emulator::BufferT>();
      buffer->name = from.name;
      buffer->memory = from.isLocal ? static_cast<uint32_t>(machine_.local) : machine_.main;
      buffer->address = placement.address[i];
      buffer->bytes = from.bytes;
      buffer->role = from.role;
      buffer->content = from.content;
      buffer->layer = from.layer;
      number[i] = static_cast<uint32_t>(scheduled.buffers.size());
      scheduled.buffers.push_back(std::move(buffer));
    }
    Queues queues = addQueues(scheduled);
    uint32_t nextConvolution = 0;
    for (Draft &draft : emitter.drafts) {
      auto &instruction = *draft.it;
      if (draft.engine == machine_.convolution)
        instruction.queue = queues.convolution + nextConvolution++ % machine_.convolutionQueues;
      else if (draft.engine == machine_.transfer)
        instruction.queue = draft.isLoad ? queues.loads : queues.stores;
      else
        instruction.queue = draft.engine == machine_.vector ? queues.vector : queues.host;
      for (auto *views : {&instruction.inputs, &instruction.outputs})
        for (auto &view : *views)
          view->buffer = number[view->buffer];
      for (const auto &view : instruction.outputs)
        scheduled.buffers[view->buffer]->layer = instruction.layer;
      scheduled.instructions.push_back(std::move(draft.it));
    }
    EDGECC_CHECK(checkMain(scheduled));
    addBarriers(program);
    estimate(program);
    code.weights = weights_.take();
    code.notes = std::move(emitter.notes);
    if (spills_ > 0)
      code.notes.push_back(
          fmt::format("{} tensors lie in {} because {} has no room for them", spills_,
                      machine_.memory(machine_.main).name,
                      machine_.memory(static_cast<uint32_t>(machine_.local)).name));
    return code;
  }

  // Constants once, everything else for each stream.
  Expected<void> checkMain(const emulator::ScheduledProgramT &program) const {
    uint64_t constants = 0, end = 0;
    for (const auto &buffer : program.buffers)
      if (buffer->memory == machine_.main) {
        end = std::max(end, buffer->address + buffer->bytes);
        if (buffer->role == emulator::BufferRole::Constant)
          constants = std::max(constants, buffer->address + buffer->bytes);
      }
    uint64_t needed = end + (end - constants) * (machine_.streams - 1);
    const auto &memory = machine_.memory(machine_.main);
    if (needed <= memory.bytes)
      return {};
    return error(
        fmt::format("the model needs {} bytes of {} ({} of them for weights), and {} has {}",
                    needed, memory.name, constants, machine_.device->name, memory.bytes),
        memory.name, "use fewer streams, a smaller input or a smaller model");
  }

  const Tasks &tasks_;
  const StreamMachine &machine_;
  WeightsBuilder weights_;
  Storage storage_;
  Attempt attempt_;
  size_t spills_ = 0;
};

} // namespace

} // namespace scheduled

Expected<DeviceCode> mapScheduled(const Function &function, Tasks tasks,
                                  const emulator::DeviceT &device, const MapOptions &options) {
  EDGECC_TRY(machine, scheduled::divideMachine(device, options));
  scheduled::fusePools(tasks, machine);
  EDGECC_TRY(code, scheduled::Mapper(function, tasks, machine).run());
  code.notes.insert(code.notes.begin(), tasks.notes.begin(), tasks.notes.end());
  code.hostParts = std::move(tasks.hostParts);
  return std::move(code);
}

} // namespace edgecc::device
