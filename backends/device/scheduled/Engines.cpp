#include "backends/device/scheduled/Engines.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::scheduled {

using emulator::EngineT;

namespace {

bool isNative(const StreamMachine &machine, DType type) {
  const std::string &native = machine.machine->native_type;
  if (native == "i8")
    return type == DType::I8 || type == DType::U8;
  return name(type) == native;
}

std::string whyNotWindow(const EngineT &engine, std::span<const int64_t> extents,
                         std::span<const uint32_t> strides, std::span<const uint32_t> dilations,
                         uint32_t maxKernel, uint32_t maxStride) {
  const auto &limits = *engine.limits;
  for (size_t i = 0; i < extents.size(); ++i) {
    if (maxKernel && extents[i] > maxKernel)
      return fmt::format("{} has kernels of {} at most, not {}", engine.name, maxKernel,
                         extents[i]);
    if (maxStride && strides[i] > maxStride)
      return fmt::format("{} has strides of {} at most, not {}", engine.name, maxStride,
                         strides[i]);
    if (limits.equal_strides && extents[i] > 1 && strides[i] != strides[0])
      return fmt::format("{} needs equal strides in x and y", engine.name);
    if (!limits.dilation && i < dilations.size() && dilations[i] != 1 && extents[i] > 1)
      return fmt::format("{} has no dilated windows", engine.name);
  }
  return {};
}

std::string whyNotPads(const EngineT &engine, std::span<const int64_t> extents,
                       std::span<const int32_t> low, std::span<const int32_t> high) {
  for (size_t i = 0; i < extents.size(); ++i)
    if (low[i] < 0 || high[i] < 0 || low[i] >= extents[i] || high[i] >= extents[i])
      return fmt::format("{} pads by less than its kernel", engine.name);
  return {};
}

std::string whyNotContraction(const Task &task, const emulator::ContractionT &contraction,
                              const StreamMachine &machine) {
  const EngineT &engine = machine.engine(machine.convolution);
  const auto &limits = *engine.limits;
  if (!constantOf(task.inputs[1]))
    return fmt::format("{} needs constant weights", engine.name);
  if (!isNative(machine, task.inputs[0]->type.dtype))
    return fmt::format("{} computes in {}, not in {}", engine.name, machine.machine->native_type,
                       name(task.inputs[0]->type.dtype));
  if (bitWidth(task.inputs[1]->type.dtype) < 8)
    return fmt::format("{} has no weights of 4 bits", engine.name);
  if (contraction.product) {
    if (!limits.products)
      return fmt::format("{} has no matrix products", engine.name);
    if (task.inputDims[1].size() != 2)
      return fmt::format("{} multiplies by one matrix only", engine.name);
    if (contraction.has_bias && task.inputs[2]->type.elements() != task.inputDims[1][1])
      return fmt::format("{} adds one bias for each column", engine.name);
    if (contraction.w_zero_points >= 0)
      return fmt::format("{} has one zero point for all weights", engine.name);
    return {};
  }
  Dims window(task.inputDims[1].begin() + 2, task.inputDims[1].end());
  if (window.size() > 2)
    return fmt::format("{} has two spatial axes", engine.name);
  if (auto why = whyNotWindow(engine, window, contraction.strides, contraction.dilations,
                              limits.max_kernel, limits.max_stride);
      !why.empty())
    return why;
  Dims reach = window; // of dilated windows
  for (size_t i = 0; i < reach.size(); ++i)
    reach[i] = (reach[i] - 1) * contraction.dilations[i] + 1;
  return whyNotPads(engine, reach, contraction.pads_low, contraction.pads_high);
}

std::string whyNotPool(const Task &task, const emulator::PoolT &pool,
                       const StreamMachine &machine) {
  const EngineT &engine = machine.engine(machine.convolution);
  const auto &limits = *engine.limits;
  bool hasRate = std::ranges::any_of(
      engine.rates, [](const auto &rate) { return rate->work == emulator::WorkClass::Pooling; });
  if (!limits.pooling || !hasRate)
    return fmt::format("{} does no pooling", engine.name);
  if (!isNative(machine, task.inputs[0]->type.dtype))
    return fmt::format("{} computes in {}, not in {}", engine.name, machine.machine->native_type,
                       name(task.inputs[0]->type.dtype));
  if (pool.kernel.size() != 2)
    return fmt::format("{} has two spatial axes", engine.name);
  Dims window(pool.kernel.begin(), pool.kernel.end());
  if (auto why = whyNotWindow(engine, window, pool.strides, pool.dilations, limits.max_pool_kernel,
                              limits.max_pool_stride);
      !why.empty())
    return why;
  return whyNotPads(engine, window, pool.pads_low, pool.pads_high);
}

// Stages that the engine applies for nothing; their operands are constants.
size_t engineStages(const Task &task, const EngineT &engine, bool mayHaveOperands) {
  size_t count = 0;
  for (const auto &stage : task.stages) {
    bool isKnown =
        std::ranges::find(engine.activations, emulator::EnumNameFunction(stage->function)) !=
        engine.activations.end();
    bool areConstant = std::ranges::all_of(
        stage->operands, [&](uint32_t input) { return constantOf(task.inputs[input]); });
    if (!isKnown || !areConstant || (!mayHaveOperands && !stage->operands.empty()))
      break;
    ++count;
  }
  return count;
}

bool hasRate(const EngineT &engine, emulator::WorkClass work) {
  return std::ranges::any_of(engine.rates, [&](const auto &rate) { return rate->work == work; });
}

} // namespace

std::string whyNotOnConvolution(const Task &task, const StreamMachine &machine) {
  if (machine.convolution < 0)
    return "there is no convolution engine";
  const EngineT &engine = machine.engine(machine.convolution);
  if (!engine.limits)
    return fmt::format("{} has no limits in its description", engine.name);
  std::string why;
  if (const auto *contraction = task.kernel.AsContraction())
    why = whyNotContraction(task, *contraction, machine);
  else if (const auto *pool = task.kernel.AsPool())
    why = whyNotPool(task, *pool, machine);
  else
    return fmt::format("{} does not compute {}", engine.name,
                       emulator::EnumNameKernel(task.kernel.type));
  if (!why.empty())
    return why;
  const auto *contraction = task.kernel.AsContraction();
  bool mayHaveOperands = contraction && !contraction->product;
  if (engineStages(task, engine, mayHaveOperands) < task.stages.size()) {
    if (machine.vector < 0)
      return fmt::format("{} does not know the activation, and there is no vector engine",
                         engine.name);
    // What is left runs behind it tile by tile.
    for (const auto &stage : task.stages)
      if (!stage->operands.empty() && !mayHaveOperands)
        return fmt::format("{} has no second operand behind a product or pooling", engine.name);
  }
  return {};
}

Expected<Choice> chooseEngine(const Task &task, const StreamMachine &machine) {
  Choice choice;
  std::string where = task.ops.empty() ? "" : task.ops.front()->location;
  if (task.hostPart >= 0) {
    choice.runner = Runner::Host;
    if (machine.host < 0)
      return error("the device's description has no host engine to call the host with", where);
    return choice;
  }
  if (task.kernel.AsMove()) {
    choice.runner = Runner::Move;
    return choice;
  }
  std::vector<std::vector<int64_t>> dims(task.inputDims.begin(), task.inputDims.end());
  auto work = emulator::workOf(task.kernel, task.stages, dims, task.output()->dims());
  bool stagesRun =
      task.stages.empty() || task.kernel.AsMap() ||
      (machine.vector >= 0 && hasRate(machine.engine(machine.vector),
                                      work.stagesAreCheap ? emulator::WorkClass::Arithmetic
                                                          : emulator::WorkClass::Transcendental));
  choice.vectorRuns =
      machine.vector >= 0 && hasRate(machine.engine(machine.vector), work.kind) && stagesRun;
  std::string why;
  const auto *contraction = task.kernel.AsContraction();
  if (contraction || task.kernel.AsPool()) {
    why = whyNotOnConvolution(task, machine);
    if (why.empty()) {
      bool isDepthwise = contraction && !contraction->product && contraction->groups > 1 &&
                         task.inputDims[1][1] == 1;
      choice.runner = !contraction           ? Runner::Channelwise
                      : contraction->product ? Runner::Product
                      : isDepthwise          ? Runner::Channelwise
                                             : Runner::Convolution;
      choice.engineStages = engineStages(task, machine.engine(machine.convolution),
                                         contraction && !contraction->product);
      return choice;
    }
  }
  if (!choice.vectorRuns)
    return error(fmt::format("no engine of {} does {}{}{}", machine.device->name,
                             emulator::EnumNameWorkClass(work.kind), why.empty() ? "" : ": ", why),
                 where);
  choice.runner = Runner::Vector;
  choice.note = why;
  return choice;
}

} // namespace edgecc::device::scheduled
