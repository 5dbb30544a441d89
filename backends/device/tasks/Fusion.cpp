#include "backends/device/tasks/Fusion.h"

#include "backends/device/tasks/Lowering.h"

#include <algorithm>

namespace edgecc::device {

using emulator::Function;

namespace {

bool isConversion(Function function) {
  return function == Function::Dequantize || function == Function::Identity;
}

// Operands that stream past on a dataflow machine; constants do not.
int64_t streams(const Task &task) {
  return std::ranges::count_if(task.inputs, [](const Value *value) { return !constantOf(value); });
}

constexpr int64_t kMaxStreams = 3; // into one node: a product's two and one more

} // namespace

int Fusion::producerOf(const Value *value) const {
  auto it = producer_.find(value);
  return it == producer_.end() ? -1 : it->second;
}

// Constants, inputs and what other depths have computed are always ready.
bool Fusion::isReadyBefore(const Value *value, int entry) const {
  return producerOf(value) < entry;
}

bool Fusion::mayFollow(const Task &task, const emulator::StageT &stage) const {
  if (task.kernel.AsMove()) // stays a pure copy, which may need no work at all
    return false;
  if (device_.dataflow)
    return true;
  bool isWindow = task.kernel.AsContraction() || task.kernel.AsPool();
  if (!isWindow)
    return true;
  // Convolution engines know a few activations, and apply one.
  return task.stages.empty() && stage.operands.empty() &&
         std::ranges::any_of(device_.scheduled->engines, [&](const auto &engine) {
           return engine->kind == emulator::EngineKind::Convolution &&
                  std::ranges::find(engine->activations,
                                    emulator::EnumNameFunction(stage.function)) !=
                      engine->activations.end();
         });
}

// The task that computes `value` if it only converts one tensor to that type.
Fusion::Entry *Fusion::conversionOf(const Value *value) {
  int index = producerOf(value);
  if (index < 0 || !value->hasOneUse())
    return nullptr;
  Entry &entry = entries_[static_cast<size_t>(index)];
  bool converts = !entry.isGone && entry.task.kernel.AsMap() && entry.task.stages.size() == 1 &&
                  isConversion(entry.task.stages[0]->function);
  return converts ? &entry : nullptr;
}

bool Fusion::fuseBehind(const Op &op, unsigned through) {
  const Value *operand = op.operand(through);
  int index = operand ? producerOf(operand) : -1;
  if (index < 0 || !operand->hasOneUse() || operand->dims() != op.result()->dims())
    return false;
  Entry &entry = entries_[static_cast<size_t>(index)];
  if (entry.isGone || entry.task.output() != operand)
    return false;

  // What the op adds, as if to a task of its own: so that nothing changes if it cannot be.
  Task added;
  auto stage = stageOf(op, through, added);
  if (!stage || !mayFollow(entry.task, **stage))
    return false;
  Entry *converted = added.inputs.size() == 1 ? conversionOf(added.inputs[0]) : nullptr;
  if (converted == &entry)
    converted = nullptr;
  for (const Value *input : converted ? converted->task.inputs : added.inputs)
    if (!isReadyBefore(input, index))
      return false;

  std::vector<std::unique_ptr<emulator::StageT>> stages;
  if (converted) {
    added.inputs = converted->task.inputs;
    added.inputDims = converted->task.inputDims;
    auto conversion = std::move(converted->task.stages[0]);
    conversion->side_input = 0;
    conversion->on_side = true;
    (*stage)->operands.clear();
    (*stage)->takes_side = true;
    stages.push_back(std::move(conversion));
  }
  stages.push_back(std::move(*stage));

  Task &task = entry.task;
  auto base = static_cast<uint32_t>(task.inputs.size());
  task.inputs.insert(task.inputs.end(), added.inputs.begin(), added.inputs.end());
  task.inputDims.insert(task.inputDims.end(), added.inputDims.begin(), added.inputDims.end());
  for (auto &next : stages) {
    for (uint32_t &input : next->operands)
      input += base;
    if (next->side_input >= 0)
      next->side_input += static_cast<int32_t>(base);
    task.stages.push_back(std::move(next));
  }
  if (converted) {
    task.ops.insert(task.ops.end(), converted->task.ops.begin(), converted->task.ops.end());
    converted->isGone = true;
  }
  task.ops.push_back(&op);
  task.outputs = {op.result()};
  producer_[op.result()] = index;
  return true;
}

Expected<void> Fusion::add(const Op &op, Task task) {
  if (task.kernel.AsMap()) {
    // Behind a layer rather than behind another element-wise task, and behind the operand that is
    // computed last, so that the other one is there.
    std::vector<unsigned> order;
    for (unsigned i = 0; i < std::min(op.numOperands(), 2u); ++i)
      if (op.operand(i))
        order.push_back(i);
    std::ranges::stable_sort(order, std::greater(), [&](unsigned i) {
      int index = producerOf(op.operand(i));
      bool isLayer = index >= 0 && !entries_[static_cast<size_t>(index)].task.kernel.AsMap();
      return std::pair(isLayer, index);
    });
    for (unsigned through : order) {
      int index = producerOf(op.operand(through));
      bool hasRoom =
          !device_.dataflow || index < 0 ||
          streams(entries_[static_cast<size_t>(index)].task) + streams(task) - 1 <= kMaxStreams;
      if (hasRoom && fuseBehind(op, through))
        return {};
    }
  }
  for (const Value *output : task.outputs)
    producer_[output] = static_cast<int>(entries_.size());
  entries_.push_back({std::move(task), false});
  return {};
}

std::vector<Task> Fusion::take() {
  std::vector<Task> tasks;
  for (Entry &entry : entries_)
    if (!entry.isGone)
      tasks.push_back(std::move(entry.task));
  entries_.clear();
  producer_.clear();
  return tasks;
}

} // namespace edgecc::device
