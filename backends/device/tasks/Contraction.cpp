// Convolutions and matrix products.
#include "backends/device/tasks/Lowering.h"

#include <fmt/format.h>

namespace edgecc::device {

namespace {

tl::unexpected<Diagnostics> no(const Op &op, std::string_view why) {
  return error(fmt::format("{} {}", op.name(), why), op.location);
}

bool isHalfOrSingle(DType type) { return type == DType::F16 || type == DType::F32; }

// Types that engines multiply.
Expected<void> checkTypes(const Op &op) {
  DType x = op.operand(0)->type.dtype, w = op.operand(1)->type.dtype;
  if (isFloat(x) && (!isHalfOrSingle(x) || x != w))
    return no(op, fmt::format("multiplies {} by {}, which no engine does", name(x), name(w)));
  return {};
}

// A zero point that the kernel takes as a number.
Expected<int32_t> scalarZero(const Op &op, unsigned operand) {
  if (!op.operand(operand))
    return 0;
  const Tensor *content = constantOf(op.operand(operand));
  if (!content || content->elements() != 1)
    return no(op, "has a zero point that is not one constant");
  return static_cast<int32_t>(content->asInt(0));
}

// One zero point, or one for each output channel.
Expected<void> weightZero(const Op &op, unsigned operand, Task &task,
                          emulator::ContractionT &kernel) {
  const Value *zero = op.operand(operand);
  if (zero && zero->type.elements() != 1) {
    if (zero->type.rank() != 1)
      return no(op, "has zero points that are not one for each output channel");
    kernel.w_zero_points = static_cast<int32_t>(addInput(task, zero));
    return {};
  }
  EDGECC_TRY(value, scalarZero(op, operand));
  kernel.w_zero_point = value;
  return {};
}

} // namespace

Expected<Task> convTask(const Op &op) {
  EDGECC_CHECK(checkTypes(op));
  if (op.integer("block_size") != 0)
    return no(op, "has scales of blocks of weights, which no engine applies");
  Task task = taskFor(op);
  emulator::ContractionT kernel;
  size_t spatial = op.operand(0)->dims().size() - 2;
  kernel.groups = static_cast<uint32_t>(op.integer("group"));
  for (size_t i = 0; i < spatial; ++i) {
    kernel.strides.push_back(static_cast<uint32_t>(op.ints("strides")[i]));
    kernel.dilations.push_back(static_cast<uint32_t>(op.ints("dilations")[i]));
    kernel.pads_low.push_back(static_cast<int32_t>(op.ints("pads")[i]));
    kernel.pads_high.push_back(static_cast<int32_t>(op.ints("pads")[spatial + i]));
  }
  const Dims &w = op.operand(1)->dims();
  kernel.kernel.assign(w.begin() + 2, w.end());
  kernel.sum_type = elementTypeOf(op.result()->type.dtype);
  addInput(task, op.operand(0));
  addInput(task, op.operand(1));
  if (op.operand(2)) {
    kernel.has_bias = true;
    addInput(task, op.operand(2));
  }
  EDGECC_TRY(xZero, scalarZero(op, 3));
  kernel.x_zero_point = xZero;
  EDGECC_CHECK(weightZero(op, 4, task, kernel));
  task.kernel.Set(std::move(kernel));
  return task;
}

Expected<Task> matMulTask(const Op &op) {
  EDGECC_CHECK(checkTypes(op));
  if (op.integer("block_size") != 0)
    return no(op, "has scales of blocks of weights, which no engine applies");
  if (op.operand(0)->dims().size() < 2 || op.operand(1)->dims().size() < 2)
    return no(op, "multiplies a vector");
  DType type = op.operand(0)->type.dtype;
  if (isInteger(type) && bitWidth(type) > 16)
    return no(op, "multiplies wide integers, which no engine does");
  Task task = taskFor(op);
  emulator::ContractionT kernel;
  kernel.product = true;
  kernel.sum_type = elementTypeOf(op.result()->type.dtype);
  addInput(task, op.operand(0));
  addInput(task, op.operand(1));
  EDGECC_TRY(xZero, scalarZero(op, 2));
  kernel.x_zero_point = xZero;
  EDGECC_CHECK(weightZero(op, 3, task, kernel));
  task.kernel.Set(std::move(kernel));
  return task;
}

// Only the form a b + c: what else a Gemm can be, earlier passes have turned into it.
Expected<Task> gemmTask(const Op &op) {
  EDGECC_CHECK(checkTypes(op));
  if (!isHalfOrSingle(op.operand(0)->type.dtype))
    return no(op, "multiplies integers without zero points, which no engine does");
  if (op.flag("transA") || op.flag("transB") || op.real("alpha") != 1 ||
      (op.operand(2) && op.real("beta") != 1))
    return no(op, "scales or transposes its operands, which no engine does");
  Task task = taskFor(op);
  emulator::ContractionT kernel;
  kernel.product = true;
  kernel.sum_type = elementTypeOf(op.result()->type.dtype);
  addInput(task, op.operand(0));
  addInput(task, op.operand(1));
  if (op.operand(2)) {
    kernel.has_bias = true;
    addInput(task, op.operand(2));
  }
  task.kernel.Set(std::move(kernel));
  return task;
}

} // namespace edgecc::device
