// What native code cannot do, op by op. The sentences end up in the user's list of unsupported
// nodes and in the table of supported ops.
#include "backends/native/Kernel.h"
#include "ir/OpDef.h"

namespace edgecc::native {

// Sizes that depend on data: code is generated for fixed extents.
static std::string whyDynamic(const Op &op) {
  for (const Value *operand : op.operands())
    if (operand && !operand->type.isStatic() && op.kind() != OpKind::Yield)
      return "an operand's extent is known only at run time";
  for (unsigned r = 0; r < op.numResults(); ++r) {
    if (op.result(r)->type.isStatic())
      continue;
    for (const Use &use : op.result(r)->uses())
      if (use.user->kind() != OpKind::Yield || use.user->block()->parentOp())
        return "the result's extent depends on data and another op uses it; it may only be an "
               "output of the model";
  }
  return {};
}

static std::string whySubByte(const Op &op) {
  for (const Value *operand : op.operands())
    if (operand && isSubByte(operand->type.dtype))
      return "4-bit elements have no address of their own";
  return {};
}

// Ops whose scalar code knows floats, integers and bool only.
static std::string whyStorageType(const Op &op) {
  for (const Value *operand : op.operands())
    if (operand && isStorageFloat(operand->type.dtype))
      return "8- and 4-bit floats can only be converted and moved";
  return whySubByte(op);
}

std::string whyUnsupported(const Op &op) {
  if (std::string reason = whyDynamic(op); !reason.empty())
    return reason;
  switch (op.kind()) {
  case OpKind::Param:
  case OpKind::Yield:
  case OpKind::Fused:
  case OpKind::Reorder:
  case OpKind::If:
  case OpKind::Loop:
  case OpKind::Scan:
  case OpKind::Identity:
  case OpKind::Abs:
  case OpKind::Acos:
  case OpKind::Acosh:
  case OpKind::Asin:
  case OpKind::Asinh:
  case OpKind::Atan:
  case OpKind::Atanh:
  case OpKind::BitwiseNot:
  case OpKind::Ceil:
  case OpKind::Cos:
  case OpKind::Cosh:
  case OpKind::Erf:
  case OpKind::Exp:
  case OpKind::Floor:
  case OpKind::IsInf:
  case OpKind::IsNaN:
  case OpKind::Log:
  case OpKind::Neg:
  case OpKind::Not:
  case OpKind::Reciprocal:
  case OpKind::Round:
  case OpKind::Sign:
  case OpKind::Sin:
  case OpKind::Sinh:
  case OpKind::Sqrt:
  case OpKind::Tan:
  case OpKind::Cast:
  case OpKind::Bitcast:
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
  case OpKind::Shrink:
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
  case OpKind::Mod:
  case OpKind::Pow:
  case OpKind::Max:
  case OpKind::Min:
  case OpKind::And:
  case OpKind::Or:
  case OpKind::Xor:
  case OpKind::BitwiseAnd:
  case OpKind::BitwiseOr:
  case OpKind::BitwiseXor:
  case OpKind::BitShift:
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
  case OpKind::Where:
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
  case OpKind::ArgMax:
  case OpKind::ArgMin:
  case OpKind::CumSum:
  case OpKind::CumProd:
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::DeformConv:
  case OpKind::MatMul:
  case OpKind::Gemm:
  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::LpPool:
  case OpKind::MaxUnpool:
  case OpKind::RoiAlign:
  case OpKind::BatchNormalization:
  case OpKind::InstanceNormalization:
  case OpKind::GroupNormalization:
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
  case OpKind::LRN:
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Concat:
  case OpKind::Pad:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
  case OpKind::Trilu:
  case OpKind::Gather:
  case OpKind::GatherElements:
  case OpKind::GatherND:
  case OpKind::NonMaxSuppression:
  case OpKind::Resize:
  case OpKind::GridSample:
  case OpKind::Col2Im:
  case OpKind::Det:
  case OpKind::DFT:
  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
  case OpKind::DynamicQuantizeLinear:
  case OpKind::Requantize:
  case OpKind::TableLookup:
  case OpKind::LSTM:
  case OpKind::GRU:
  case OpKind::RNN:
    return {};
  case OpKind::OneHot:
  case OpKind::ScatterElements:
  case OpKind::ScatterND:
  case OpKind::Compress:
  case OpKind::ReverseSequence:
    return whySubByte(op);
  case OpKind::TopK:
  case OpKind::NonZero:
  case OpKind::Unique:
    return whyStorageType(op);
  }
  __builtin_unreachable();
}

} // namespace edgecc::native
