// Element-wise ops: stages behind a value.
#include "backends/device/tasks/Lowering.h"

#include "ir/OpDef.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace edgecc::device {

using emulator::Function;

namespace {

struct FunctionOf {
  Function function;
  std::vector<double> params;
};

// Functions of one value.
std::optional<FunctionOf> unaryFunction(const Op &op) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Cast:
    return FunctionOf{Function::Identity, {}};
  case OpKind::Abs:
    return FunctionOf{Function::Abs, {}};
  case OpKind::Neg:
    return FunctionOf{Function::Neg, {}};
  case OpKind::Sign:
    return FunctionOf{Function::Sign, {}};
  case OpKind::Floor:
    return FunctionOf{Function::Floor, {}};
  case OpKind::Ceil:
    return FunctionOf{Function::Ceil, {}};
  case OpKind::Round:
    return FunctionOf{Function::Round, {}};
  case OpKind::Sqrt:
    return FunctionOf{Function::Sqrt, {}};
  case OpKind::Reciprocal:
    return FunctionOf{Function::Reciprocal, {}};
  case OpKind::Exp:
    return FunctionOf{Function::Exp, {}};
  case OpKind::Log:
    return FunctionOf{Function::Log, {}};
  case OpKind::Erf:
    return FunctionOf{Function::Erf, {}};
  case OpKind::Sin:
    return FunctionOf{Function::Sin, {}};
  case OpKind::Cos:
    return FunctionOf{Function::Cos, {}};
  case OpKind::Tanh:
    return FunctionOf{Function::Tanh, {}};
  case OpKind::Not:
    return FunctionOf{Function::Not, {}};
  case OpKind::Relu:
    return FunctionOf{Function::Relu, {}};
  case OpKind::LeakyRelu:
    return FunctionOf{Function::LeakyRelu, {op.real("alpha")}};
  case OpKind::Elu:
    return FunctionOf{Function::Elu, {op.real("alpha")}};
  case OpKind::Celu:
    return FunctionOf{Function::Celu, {op.real("alpha")}};
  case OpKind::Selu:
    return FunctionOf{Function::Selu, {op.real("alpha"), op.real("gamma")}};
  case OpKind::Sigmoid:
    return FunctionOf{Function::Sigmoid, {}};
  case OpKind::HardSigmoid:
    return FunctionOf{Function::HardSigmoid, {op.real("alpha"), op.real("beta")}};
  case OpKind::HardSwish:
    return FunctionOf{Function::HardSwish, {}};
  case OpKind::Swish:
    return FunctionOf{Function::Swish, {op.real("alpha")}};
  case OpKind::Mish:
    return FunctionOf{Function::Mish, {}};
  case OpKind::Gelu:
    return FunctionOf{op.flag("tanh") ? Function::GeluTanh : Function::Gelu, {}};
  case OpKind::Softplus:
    return FunctionOf{Function::Softplus, {}};
  case OpKind::Softsign:
    return FunctionOf{Function::Softsign, {}};
  case OpKind::ThresholdedRelu:
    return FunctionOf{Function::ThresholdedRelu, {op.real("alpha")}};
  default:
    return std::nullopt;
  }
}

std::optional<Function> binaryFunction(OpKind kind) {
  switch (kind) {
  case OpKind::Add:
    return Function::Add;
  case OpKind::Sub:
    return Function::Sub;
  case OpKind::Mul:
    return Function::Mul;
  case OpKind::Div:
    return Function::Div;
  case OpKind::Pow:
    return Function::Pow;
  case OpKind::Max:
    return Function::Max;
  case OpKind::Min:
    return Function::Min;
  case OpKind::PRelu:
    return Function::PRelu;
  case OpKind::Equal:
    return Function::Equal;
  case OpKind::Greater:
    return Function::Greater;
  case OpKind::GreaterOrEqual:
    return Function::GreaterOrEqual;
  case OpKind::Less:
    return Function::Less;
  case OpKind::LessOrEqual:
    return Function::LessOrEqual;
  case OpKind::And:
    return Function::And;
  case OpKind::Or:
    return Function::Or;
  default:
    return std::nullopt;
  }
}

// Where a per-axis vector [C] lies among the axes of x, to broadcast from the right.
Expected<Dims> alongAxis(const Op &op, const Value *vector) {
  if (op.kind() != OpKind::Requantize && op.integer("block_size") != 0)
    return error(fmt::format("{} has scales of blocks, which no engine applies", op.name()),
                 op.location);
  if (vector->type.elements() == 1)
    return Dims{};
  Dims dims(op.operand(0)->dims().size() - static_cast<size_t>(op.integer("axis")), 1);
  dims[0] = vector->type.elements();
  return dims;
}

Expected<void> addScales(const Op &op, Task &task, emulator::StageT &stage) {
  for (unsigned i = 1; i < op.numOperands(); ++i)
    if (const Value *value = op.operand(i)) {
      if (i == 1 && value->type.dtype != DType::F32)
        return error(fmt::format("{} has scales of {}, and engines take f32", op.name(),
                                 name(value->type.dtype)),
                     op.location);
      EDGECC_TRY(dims, alongAxis(op, value));
      stage.operands.push_back(addInput(task, value, std::move(dims)));
    }
  return {};
}

// A bound of Clip; what is absent does not limit.
Expected<double> bound(const Op &op, unsigned operand, double absent) {
  if (!op.operand(operand))
    return absent;
  const Tensor *content = constantOf(op.operand(operand));
  if (!content)
    return error("Clip has a bound that is computed, and engines take constants", op.location);
  return content->asDouble(0);
}

} // namespace

Expected<std::unique_ptr<emulator::StageT>> stageOf(const Op &op, unsigned through, Task &task) {
  auto stage = std::make_unique<emulator::StageT>();
  stage->to = elementTypeOf(op.result()->type.dtype);
  if (auto unary = unaryFunction(op)) {
    stage->function = unary->function;
    stage->params = std::move(unary->params);
    return stage;
  }
  if (auto binary = binaryFunction(op.kind())) {
    unsigned other = 1 - through;
    stage->function = *binary;
    stage->swapped = through == 1;
    stage->operands.push_back(addInput(task, op.operand(other)));
    return stage;
  }
  if (through != 0)
    return error(fmt::format("{} takes its value as first operand", op.name()), op.location);
  switch (op.kind()) {
  case OpKind::Clip: {
    stage->function = Function::Clip;
    EDGECC_TRY(low, bound(op, 1, -std::numeric_limits<double>::infinity()));
    EDGECC_TRY(high, bound(op, 2, std::numeric_limits<double>::infinity()));
    stage->params = {low, high};
    return stage;
  }
  case OpKind::Where:
    stage->function = Function::Where;
    for (unsigned i : {1u, 2u})
      stage->operands.push_back(addInput(task, op.operand(i)));
    return stage;
  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
    stage->function =
        op.kind() == OpKind::QuantizeLinear ? Function::Quantize : Function::Dequantize;
    EDGECC_CHECK(addScales(op, task, *stage));
    return stage;
  case OpKind::Requantize:
    stage->function = Function::Requantize;
    stage->params = {static_cast<double>(op.integer("low")),
                     static_cast<double>(op.integer("high")),
                     static_cast<double>(op.integer("zero_point"))};
    EDGECC_CHECK(addScales(op, task, *stage));
    return stage;
  case OpKind::TableLookup:
    stage->function = Function::Lookup;
    stage->operands.push_back(addInput(task, op.operand(1)));
    return stage;
  default:
    return error(fmt::format("{} is not element-wise", op.name()), op.location);
  }
}

Expected<Task> elementwiseTask(const Op &op) {
  Task task = taskFor(op);
  task.kernel.Set(emulator::MapT());
  addInput(task, op.operand(0));
  EDGECC_TRY(stage, stageOf(op, 0, task));
  task.stages.push_back(std::move(stage));
  return task;
}

} // namespace edgecc::device
