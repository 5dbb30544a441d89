// Pooling, reductions, normalisations, resizing.
#include "backends/device/tasks/Lowering.h"

#include "ir/Resample.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device {

namespace {

tl::unexpected<Diagnostics> no(const Op &op, std::string_view why) {
  return error(fmt::format("{} {}", op.name(), why), op.location);
}

bool isUsed(const Op &op, unsigned result) {
  return result < op.numResults() && !op.result(result)->uses().empty();
}

template <class To> std::vector<To> converted(const std::vector<int64_t> &values) {
  return {values.begin(), values.end()};
}

emulator::ElementType resultType(const Op &op) { return elementTypeOf(op.result()->type.dtype); }

} // namespace

Expected<Task> poolTask(const Op &op) {
  if (isUsed(op, 1))
    return no(op, "reports positions, which no engine does");
  Task task = taskFor(op);
  emulator::PoolT kernel;
  const Dims &x = op.operand(0)->dims(), &y = op.result()->dims();
  size_t spatial = x.size() - 2;
  kernel.kind = op.kind() == OpKind::MaxPool   ? emulator::PoolKind::Max
                : op.flag("count_include_pad") ? emulator::PoolKind::AverageWithPadding
                                               : emulator::PoolKind::Average;
  kernel.kernel = converted<uint32_t>(op.ints("kernel"));
  kernel.strides = converted<uint32_t>(op.ints("strides"));
  kernel.dilations = converted<uint32_t>(op.ints("dilations"));
  for (size_t i = 0; i < spatial; ++i) {
    int64_t low = op.ints("pads")[i], high = op.ints("pads")[spatial + i];
    int64_t last = (y[i + 2] - 1) * op.ints("strides")[i] +
                   (op.ints("kernel")[i] - 1) * op.ints("dilations")[i] + 1;
    kernel.pads_low.push_back(static_cast<int32_t>(low));
    kernel.pads_high.push_back(static_cast<int32_t>(high));
    kernel.ceil_high.push_back(
        static_cast<uint32_t>(std::max<int64_t>(0, last - (x[i + 2] + low + high))));
  }
  kernel.to = resultType(op);
  addInput(task, op.operand(0));
  task.kernel.Set(std::move(kernel));
  return task;
}

Expected<Task> reduceTask(const Op &op) {
  using emulator::ReduceKind;
  Task task = taskFor(op);
  emulator::ReduceT kernel;
  switch (op.kind()) {
  case OpKind::ReduceSum:
    kernel.kind = ReduceKind::Sum;
    break;
  case OpKind::ReduceMean:
    kernel.kind = ReduceKind::Mean;
    break;
  case OpKind::ReduceMax:
    kernel.kind = ReduceKind::Max;
    break;
  case OpKind::ReduceMin:
    kernel.kind = ReduceKind::Min;
    break;
  case OpKind::ReduceProd:
    kernel.kind = ReduceKind::Product;
    break;
  case OpKind::ReduceL1:
    kernel.kind = ReduceKind::L1;
    break;
  case OpKind::ReduceL2:
    kernel.kind = ReduceKind::L2;
    break;
  case OpKind::ReduceSumSquare:
    kernel.kind = ReduceKind::SumSquare;
    break;
  case OpKind::ReduceLogSum:
    kernel.kind = ReduceKind::LogSum;
    break;
  case OpKind::ReduceLogSumExp:
    kernel.kind = ReduceKind::LogSumExp;
    break;
  default:
    return no(op, "is no reduction that engines have");
  }
  kernel.axes = converted<uint32_t>(op.ints("axes"));
  std::ranges::sort(kernel.axes);
  kernel.to = resultType(op);
  addInput(task, op.operand(0));
  task.kernel.Set(std::move(kernel));
  return task;
}

Expected<Task> softmaxTask(const Op &op) {
  Task task = taskFor(op);
  emulator::SoftmaxT kernel;
  kernel.axis = static_cast<uint32_t>(op.integer("axis"));
  kernel.logarithm = op.kind() == OpKind::LogSoftmax;
  kernel.to = resultType(op);
  addInput(task, op.operand(0));
  task.kernel.Set(std::move(kernel));
  return task;
}

Expected<Task> normalizeTask(const Op &op) {
  using emulator::NormalizeKind;
  if (isUsed(op, 1) || isUsed(op, 2))
    return no(op, "reports mean and deviation, which no engine does");
  Task task = taskFor(op);
  emulator::NormalizeT kernel;
  kernel.epsilon = op.real("epsilon");
  kernel.to = resultType(op);
  addInput(task, op.operand(0));
  bool perChannel =
      op.kind() == OpKind::GroupNormalization || op.kind() == OpKind::InstanceNormalization;
  if (perChannel) {
    kernel.kind = NormalizeKind::Group;
    kernel.axis = 1;
    kernel.groups =
        static_cast<uint32_t>(op.kind() == OpKind::GroupNormalization ? op.integer("num_groups")
                                                                      : op.operand(0)->dims()[1]);
  } else {
    kernel.kind =
        op.kind() == OpKind::LayerNormalization ? NormalizeKind::Layer : NormalizeKind::Rms;
    kernel.axis = static_cast<uint32_t>(op.integer("axis"));
  }
  for (unsigned i = 1; i < op.numOperands(); ++i) {
    const Value *value = op.operand(i);
    if (!value)
      continue;
    Dims dims = value->dims();
    if (perChannel) { // [C] along axis 1
      dims.resize(op.operand(0)->dims().size() - 1, 1);
      dims[0] = value->type.elements();
    }
    addInput(task, value, std::move(dims));
    (i == 1 ? kernel.has_scale : kernel.has_bias) = true;
  }
  task.kernel.Set(std::move(kernel));
  return task;
}

Expected<Task> resizeTask(const Op &op) {
  if (op.text("coordinate_mode") == "tf_crop_and_resize")
    return no(op, "crops as it resizes, which no engine does");
  Task task = taskFor(op);
  emulator::ResizeT kernel;
  for (size_t axis = 0; axis < op.operand(0)->dims().size(); ++axis) {
    AxisTaps taps = resizeTaps(op, axis);
    if (taps.isIdentity)
      continue;
    auto resized = std::make_unique<emulator::ResizeAxisT>();
    resized->axis = static_cast<uint32_t>(axis);
    resized->taps = static_cast<uint32_t>(taps.taps);
    resized->indices = converted<int32_t>(taps.indices);
    resized->weights = std::move(taps.weights);
    kernel.axes.push_back(std::move(resized));
  }
  kernel.to = resultType(op);
  addInput(task, op.operand(0));
  task.kernel.Set(std::move(kernel));
  return task;
}

} // namespace edgecc::device
