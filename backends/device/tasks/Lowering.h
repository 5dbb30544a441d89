// One op as a task: functions by family. Internal to tasks/.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device {

// A task with `op` as its only op, no inputs yet, and the op's first result as output.
Task taskFor(const Op &op);

// Adds an input seen under `dims`, by default the value's own; returns its index.
unsigned addInput(Task &task, const Value *value, std::optional<Dims> dims = {});

// Elementwise.cpp: the op as a stage behind the value of its operand `through`, whose other
// operands are appended to `task`; or why that cannot be.
Expected<std::unique_ptr<emulator::StageT>> stageOf(const Op &op, unsigned through, Task &task);
Expected<Task> elementwiseTask(const Op &op);

// Contraction.cpp
Expected<Task> convTask(const Op &op);
Expected<Task> matMulTask(const Op &op);
Expected<Task> gemmTask(const Op &op);

// Windows.cpp
Expected<Task> poolTask(const Op &op);
Expected<Task> reduceTask(const Op &op);
Expected<Task> softmaxTask(const Op &op);
Expected<Task> normalizeTask(const Op &op);
Expected<Task> resizeTask(const Op &op);

// Movement.cpp
Expected<Task> movementTask(const Op &op);

// Strides in elements of a packed tensor.
Dims packedStrides(const Dims &dims);

} // namespace edgecc::device
