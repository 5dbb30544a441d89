// The table of ops: which kernel computes each, or why no device does.
#include "backends/device/tasks/Lowering.h"

#include "ir/OpDef.h"

#include <fmt/format.h>

namespace edgecc::device {

Task taskFor(const Op &op) {
  Task task;
  task.ops = {&op};
  task.outputs = {op.result()};
  return task;
}

unsigned addInput(Task &task, const Value *value, std::optional<Dims> dims) {
  task.inputs.push_back(value);
  task.inputDims.push_back(dims ? std::move(*dims) : value->dims());
  return static_cast<unsigned>(task.inputs.size() - 1);
}

Dims packedStrides(const Dims &dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i])
    strides[i] = stride;
  return strides;
}

namespace {

tl::unexpected<Diagnostics> no(const Op &op, std::string_view why) {
  return error(fmt::format("{} {}", op.name(), why), op.location);
}

// What holds for any kernel: types that programs have, extents that are known.
Expected<void> checkOperands(const Op &op) {
  auto check = [&](const Value *value) -> Expected<void> {
    if (emulator::bitsOf(elementTypeOf(value->type.dtype)) == 0)
      return no(op, fmt::format("works on {}, which no device has", name(value->type.dtype)));
    if (value->dims().size() > emulator::kMaxRank)
      return no(op, fmt::format("works on {} axes, and devices have {} at most",
                                value->dims().size(), emulator::kMaxRank));
    if (value->type.elements() < 1 || value->type.elements() > emulator::kMaxElements)
      return no(op, "works on an empty tensor, or one that is too large");
    if (!value->type.isStatic())
      return no(op, "has a size that depends on data");
    return {};
  };
  for (const Value *operand : op.operands())
    if (operand)
      EDGECC_CHECK(check(operand));
  for (unsigned i = 0; i < op.numResults(); ++i)
    EDGECC_CHECK(check(op.result(i)));
  return {};
}

Expected<Task> kernelOf(const Op &op) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Abs:
  case OpKind::Ceil:
  case OpKind::Cos:
  case OpKind::Erf:
  case OpKind::Exp:
  case OpKind::Floor:
  case OpKind::Log:
  case OpKind::Neg:
  case OpKind::Not:
  case OpKind::Reciprocal:
  case OpKind::Round:
  case OpKind::Sign:
  case OpKind::Sin:
  case OpKind::Sqrt:
  case OpKind::Cast:
  case OpKind::Celu:
  case OpKind::Clip:
  case OpKind::Elu:
  case OpKind::Gelu:
  case OpKind::HardSigmoid:
  case OpKind::HardSwish:
  case OpKind::LeakyRelu:
  case OpKind::Mish:
  case OpKind::PRelu:
  case OpKind::Relu:
  case OpKind::Selu:
  case OpKind::Sigmoid:
  case OpKind::Softplus:
  case OpKind::Softsign:
  case OpKind::Swish:
  case OpKind::Tanh:
  case OpKind::ThresholdedRelu:
  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Div:
  case OpKind::Pow:
  case OpKind::Max:
  case OpKind::Min:
  case OpKind::And:
  case OpKind::Or:
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
  case OpKind::Where:
  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
  case OpKind::Requantize:
  case OpKind::TableLookup:
    return elementwiseTask(op);
  case OpKind::Conv:
    return convTask(op);
  case OpKind::MatMul:
    return matMulTask(op);
  case OpKind::Gemm:
    return gemmTask(op);
  case OpKind::MaxPool:
  case OpKind::AveragePool:
    return poolTask(op);
  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceProd:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
  case OpKind::ReduceSumSquare:
  case OpKind::ReduceLogSum:
  case OpKind::ReduceLogSumExp:
    return reduceTask(op);
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
    return softmaxTask(op);
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
  case OpKind::GroupNormalization:
  case OpKind::InstanceNormalization:
    return normalizeTask(op);
  case OpKind::Resize:
    return resizeTask(op);
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Concat:
  case OpKind::Pad:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
  case OpKind::Gather:
    return movementTask(op);

  case OpKind::Param:
  case OpKind::Yield:
    return no(op, "computes nothing");
  case OpKind::Fused:
  case OpKind::Reorder:
    return no(op, "belongs to native code");
  case OpKind::If:
  case OpKind::Loop:
  case OpKind::Scan:
    return no(op, "decides what runs: a device's program is fixed");
  case OpKind::Acos:
  case OpKind::Acosh:
  case OpKind::Asin:
  case OpKind::Asinh:
  case OpKind::Atan:
  case OpKind::Atanh:
  case OpKind::Cosh:
  case OpKind::Sinh:
  case OpKind::Tan:
  case OpKind::IsInf:
  case OpKind::IsNaN:
  case OpKind::Shrink:
  case OpKind::Mod:
    return no(op, "is a function that no engine has");
  case OpKind::Bitcast:
  case OpKind::BitwiseNot:
  case OpKind::BitwiseAnd:
  case OpKind::BitwiseOr:
  case OpKind::BitwiseXor:
  case OpKind::BitShift:
  case OpKind::Xor:
    return no(op, "works on bits, which no engine does");
  case OpKind::ArgMax:
  case OpKind::ArgMin:
  case OpKind::CumSum:
  case OpKind::CumProd:
    return no(op, "depends on the order of elements, which no engine follows");
  case OpKind::ConvTranspose:
    return no(op, "is for the rewrites transposed-conv-to-pixel-shuffle and "
                  "transposed-conv-to-convolution, and neither could take it");
  case OpKind::BatchNormalization:
    return no(op, "could not be folded into a neighbour");
  case OpKind::LRN:
  case OpKind::Hardmax:
  case OpKind::LpPool:
    return no(op, "is a window or norm that no engine has");
  default:
    return no(op, "depends on data, or is too rare to have a kernel");
  }
}

} // namespace

Expected<Task> taskOf(const Op &op) {
  EDGECC_CHECK(checkOperands(op));
  return kernelOf(op);
}

emulator::ElementType elementTypeOf(DType type) {
  using blob::ElementType;
  switch (type) {
  case DType::F32:
    return ElementType::F32;
  case DType::F16:
    return ElementType::F16;
  case DType::I4:
    return ElementType::I4;
  case DType::U4:
    return ElementType::U4;
  case DType::I8:
    return ElementType::I8;
  case DType::U8:
    return ElementType::U8;
  case DType::I16:
    return ElementType::I16;
  case DType::U16:
    return ElementType::U16;
  case DType::I32:
    return ElementType::I32;
  case DType::I64:
    return ElementType::I64;
  case DType::Bool:
    return ElementType::Bool;
  default:
    return ElementType::Invalid;
  }
}

int64_t bytesOf(const Type &type) {
  return (type.elements() * static_cast<int64_t>(bitWidth(type.dtype)) + 7) / 8;
}

} // namespace edgecc::device
