// Which tasks a machine can run at all. Where on it, and under which limits, is the mappers'
// business.
#include "backends/device/tasks/Tasks.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device {

using emulator::WorkClass;

namespace {

emulator::Work workOfTask(const Task &task) {
  std::vector<std::vector<int64_t>> dims(task.inputDims.begin(), task.inputDims.end());
  return emulator::workOf(task.kernel, task.stages, dims, task.output()->dims());
}

bool hasRate(const emulator::EngineT &engine, WorkClass work) {
  return std::ranges::any_of(engine.rates, [&](const auto &rate) { return rate->work == work; });
}

bool runsSomewhere(const emulator::DeviceT &device, const Task &task, WorkClass work) {
  if (device.dataflow)
    return std::ranges::any_of(device.dataflow->work,
                               [&](const auto &fraction) { return fraction->work == work; });
  return std::ranges::any_of(device.scheduled->engines, [&](const auto &engine) {
    switch (engine->kind) {
    case emulator::EngineKind::Convolution:
      return task.kernel.AsContraction() != nullptr;
    case emulator::EngineKind::Vector:
      return hasRate(*engine, work);
    case emulator::EngineKind::Transfer:
      return task.kernel.AsMove() != nullptr;
    case emulator::EngineKind::Host:
      return false;
    }
    return false;
  });
}

// From f32 to f32: more than a conversion, or a copy.
bool computesInSingle(const Task &task) {
  return !task.kernel.AsMove() && task.output()->type.dtype == DType::F32 && !task.inputs.empty() &&
         task.inputs[0]->type.dtype == DType::F32;
}

bool computesInSingle(const emulator::ScheduledMachineT &machine) {
  return std::ranges::any_of(machine.engines, [](const auto &engine) {
    return engine->kind == emulator::EngineKind::Vector &&
           (engine->float_types.empty() ||
            std::ranges::find(engine->float_types, "f32") != engine->float_types.end());
  });
}

} // namespace

std::string whyNotOn(const emulator::DeviceT &device, const Task &task) {
  for (const Value *output : task.outputs)
    if (output->type.dtype == DType::I64)
      return fmt::format("{} does not compute in i64", device.name);
  if (device.scheduled && computesInSingle(task) && !computesInSingle(*device.scheduled))
    return fmt::format("{} does not compute in f32", device.name);
  WorkClass work = workOfTask(task).kind;
  if (!runsSomewhere(device, task, work))
    return fmt::format("no engine of {} does work of the kind {}", device.name,
                       emulator::EnumNameWorkClass(work));
  return {};
}

} // namespace edgecc::device
