// One row for each op. A switch without default: an op without a row does not compile.
#include "backends/reference/Kernels.h"

namespace edgecc::reference {

namespace {

constexpr auto kActual = Kernel::Extents::Actual;
constexpr auto kDeclared = Kernel::Extents::Declared;

// Arithmetic.
constexpr Kernel compute(Results (*run)(const Call &), Kernel::Extents extents = kDeclared) {
  return {run, Kernel::Types::Widened, extents};
}
// Copies of elements.
constexpr Kernel copy(Results (*run)(const Call &), Kernel::Extents extents = kDeclared) {
  return {run, Kernel::Types::Bits, extents};
}
// Kernels that read every element type themselves.
constexpr Kernel raw(Results (*run)(const Call &), Kernel::Extents extents = kDeclared) {
  return {run, Kernel::Types::All, extents};
}

} // namespace

Kernel kernelFor(OpKind kind) {
  switch (kind) {
  // The interpreter's own.
  case OpKind::Param:
  case OpKind::Yield:
  case OpKind::Fused:
  case OpKind::If:
  case OpKind::Loop:
  case OpKind::Scan:
    return {};
  case OpKind::Reorder: // another layout, the same logical tensor
  case OpKind::Identity:
    return raw(identity, kActual);

  case OpKind::Abs:
  case OpKind::Acos:
  case OpKind::Acosh:
  case OpKind::Asin:
  case OpKind::Asinh:
  case OpKind::Atan:
  case OpKind::Atanh:
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
  case OpKind::Reciprocal:
  case OpKind::Round:
  case OpKind::Sign:
  case OpKind::Sin:
  case OpKind::Sinh:
  case OpKind::Sqrt:
  case OpKind::Tan:
  case OpKind::Tanh:
  case OpKind::Not:
  case OpKind::BitwiseNot:
    return compute(unary, kActual);
  case OpKind::Cast:
    return raw(cast, kActual);
  case OpKind::Bitcast:
    return raw(bitcast, kActual);

  case OpKind::Celu:
  case OpKind::Clip:
  case OpKind::Elu:
  case OpKind::Gelu:
  case OpKind::HardSigmoid:
  case OpKind::HardSwish:
  case OpKind::LeakyRelu:
  case OpKind::Mish:
  case OpKind::Relu:
  case OpKind::Selu:
  case OpKind::Shrink:
  case OpKind::Sigmoid:
  case OpKind::Softplus:
  case OpKind::Softsign:
  case OpKind::Swish:
  case OpKind::ThresholdedRelu:
    return compute(activation, kActual);
  case OpKind::PRelu:
    return compute(activation);

  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Div:
  case OpKind::Mod:
  case OpKind::Max:
  case OpKind::Min:
    return compute(binary, kActual);
  case OpKind::Pow:
    return compute(power, kActual);
  case OpKind::And:
  case OpKind::Or:
  case OpKind::Xor:
    return compute(logical, kActual);
  case OpKind::BitwiseAnd:
  case OpKind::BitwiseOr:
  case OpKind::BitwiseXor:
  case OpKind::BitShift:
    return compute(bitwise, kActual);
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
    return compute(compare, kActual);
  case OpKind::Where:
    return copy(where, kActual);

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
    return compute(reduce, kActual);
  case OpKind::ArgMax:
  case OpKind::ArgMin:
    return compute(argReduce, kActual);
  case OpKind::CumSum:
  case OpKind::CumProd:
    return compute(prefix, kActual);

  case OpKind::Conv:
    return compute(conv);
  case OpKind::ConvTranspose:
    return compute(convTranspose);
  case OpKind::DeformConv:
    return compute(deformConv);
  case OpKind::MatMul:
    return compute(matMul);
  case OpKind::Gemm:
    return compute(gemm);

  case OpKind::MaxPool:
    return compute(maxPool);
  case OpKind::AveragePool:
    return compute(averagePool);
  case OpKind::LpPool:
    return compute(lpPool);
  case OpKind::MaxUnpool:
    return compute(maxUnpool);
  case OpKind::RoiAlign:
    return compute(roiAlign);

  case OpKind::BatchNormalization:
    return compute(batchNormalization);
  case OpKind::InstanceNormalization:
  case OpKind::GroupNormalization:
    return compute(groupNormalization);
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
    return compute(layerNormalization);
  case OpKind::LRN:
    return compute(localResponseNormalization);
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
    return compute(softmax, kActual);

  case OpKind::Reshape:
    return raw(reshape);
  case OpKind::Transpose:
    return copy(transpose, kActual);
  case OpKind::Slice:
    return copy(slice);
  case OpKind::Concat:
    return copy(concat, kActual);
  case OpKind::Pad:
    return copy(pad);
  case OpKind::Expand:
    return copy(expand);
  case OpKind::Tile:
    return copy(tile, kActual);
  case OpKind::DepthToSpace:
    return copy(depthToSpace);
  case OpKind::SpaceToDepth:
    return copy(spaceToDepth);
  case OpKind::Trilu:
    return copy(trilu, kActual);
  case OpKind::ReverseSequence:
    return copy(reverseSequence);
  case OpKind::OneHot:
    return copy(oneHot, kActual);

  case OpKind::Gather:
    return copy(gather, kActual);
  case OpKind::GatherElements:
    return copy(gatherElements);
  case OpKind::GatherND:
    return copy(gatherNd);
  case OpKind::ScatterElements:
    return raw(scatterElements);
  case OpKind::ScatterND:
    return raw(scatterNd);
  case OpKind::TopK:
    return compute(topK);
  case OpKind::NonZero:
    return compute(nonZero, kActual);
  case OpKind::NonMaxSuppression:
    return compute(nonMaxSuppression);
  case OpKind::Compress:
    return copy(compress);
  case OpKind::Unique:
    return compute(unique, kActual);

  case OpKind::Resize:
    return compute(resize);
  case OpKind::GridSample:
    return compute(gridSample);
  case OpKind::Col2Im:
    return compute(col2Im);
  case OpKind::Det:
    return compute(determinant);
  case OpKind::DFT:
    return compute(dft);

  case OpKind::QuantizeLinear:
    return raw(quantizeLinear);
  case OpKind::DequantizeLinear:
    return raw(dequantizeLinear);
  case OpKind::DynamicQuantizeLinear:
    return raw(dynamicQuantizeLinear);
  case OpKind::Requantize:
    return raw(requantize);
  case OpKind::TableLookup:
    return copy(tableLookup);

  case OpKind::LSTM:
  case OpKind::GRU:
  case OpKind::RNN:
    return compute(recurrent);
  }
  __builtin_unreachable();
}

} // namespace edgecc::reference
