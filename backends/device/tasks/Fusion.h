// Element-wise ops behind their producers.
#pragma once

#include "backends/device/tasks/Tasks.h"

namespace edgecc::device {

// Collects tasks in the order of their ops. An element-wise op becomes a stage of the task that
// computes one of its operands, where that operand has no other use, the shapes are equal, the
// other operands are there before that task runs, and the engine that will run it can. A conversion
// (DequantizeLinear, Cast) of the other operand moves along as a side value, so that what is kept
// in memory is the narrow form.
class Fusion {
public:
  explicit Fusion(const emulator::DeviceT &device) : device_(device) {}

  // `task` is that of `op` alone.
  Expected<void> add(const Op &op, Task task);

  std::vector<Task> take();

private:
  struct Entry {
    Task task;
    bool isGone = false; // fused into another one
  };

  int producerOf(const Value *value) const; // index of the entry, or -1
  bool isReadyBefore(const Value *value, int entry) const;
  bool mayFollow(const Task &task, const emulator::StageT &stage) const;
  Entry *conversionOf(const Value *value);
  bool fuseBehind(const Op &op, unsigned through);

  const emulator::DeviceT &device_;
  std::vector<Entry> entries_;
  std::map<const Value *, int> producer_;
};

} // namespace edgecc::device
