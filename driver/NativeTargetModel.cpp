#include "driver/NativeTargetModel.h"

#include "backends/native/Kernel.h"
#include "backends/native/contraction/Cost.h"
#include "backends/native/elementwise/Elementwise.h"
#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc::driver {

std::string NativeTargetModel::whyIllegal(const Op &op) const { return native::whyUnsupported(op); }

bool NativeTargetModel::canFuse(const Op &op) const { return native::isElementwiseEmittable(op); }

namespace {

// Element-wise and other simple ops that stay on their own: what they move, and what they compute
// in vectors. Cycles of the core that native::LayerCost describes.
constexpr double kKernelStart = 250, kBytesPerCycle = 14;
// Conversion of one element by an op of its own.
constexpr double kQuantizeElement = 0.4, kDequantizeElement = 0.15;
// An element-wise op on one element between Dequantize and Quantize in the kernel of a layer.
constexpr double kQuantizedElement = 0.8;

unsigned bytesOf(DType dtype) { return std::max(1u, bitWidth(dtype) / 8); }
bool isByte(DType dtype) { return dtype == DType::I8 || dtype == DType::U8; }

bool isContraction(const Op &op) {
  return op.kind() == OpKind::Conv || op.kind() == OpKind::ConvTranspose ||
         op.kind() == OpKind::Gemm || op.kind() == OpKind::MatMul;
}

// The type in which a layer reads `value`: that before a DequantizeLinear.
DType storedType(const Value *value) {
  const Op *op = value->definingOp();
  if (op && op->kind() == OpKind::DequantizeLinear && op->operand(0))
    return op->operand(0)->type.dtype;
  return value->type.dtype;
}

// Becomes part of the integer layers that read it.
bool disappears(const Op &op) {
  if (op.kind() != OpKind::DequantizeLinear || !isByte(op.operand(0)->type.dtype))
    return false;
  const auto &uses = op.result()->uses();
  return !uses.empty() && std::all_of(uses.begin(), uses.end(),
                                      [](const auto &use) { return isContraction(*use.user); });
}

// Becomes part of the kernel of the layer in front of it.
bool isFollower(const Op &op) {
  if (!op.def().is(OpTrait::Elementwise) || op.numResults() != 1)
    return false;
  return std::ranges::any_of(op.operands(), [&](const Value *operand) {
    const Op *producer = operand ? operand->definingOp() : nullptr;
    return producer && operand->uses().size() == 1 && operand->dims() == op.result()->dims() &&
           isContraction(*producer);
  });
}

} // namespace

double NativeTargetModel::cost(const Op &op) const {
  if (op.parameter || disappears(op) || op.def().is(OpTrait::Terminator))
    return 0;
  if (isContraction(op) && op.numOperands() >= 2 && op.operand(0) && op.operand(1)) {
    // Float weights are multiplied with floats, wherever those come from.
    DType weights = storedType(op.operand(1));
    return costAs(op, isFloat(weights) ? op.operand(0)->type.dtype : storedType(op.operand(0)),
                  weights);
  }
  Cost cost = costOf(op);
  double lanes = target_.lanes(bytesOf(op.numResults() ? op.result()->type.dtype : DType::F32));
  double arithmetic = static_cast<double>(saturatingAdd(cost.macs, cost.flops)) / lanes;
  double elements = op.numResults() ? static_cast<double>(op.result()->type.elements()) : 0;
  bool quantized = op.def().is(OpTrait::Elementwise) && op.operand(0) &&
                   isByte(storedType(op.operand(0))) &&
                   storedType(op.operand(0)) != op.operand(0)->type.dtype;
  double cycles = quantized ? elements * kQuantizedElement * 64 / target_.vectorBytes
                  : isFollower(op)
                      ? arithmetic
                      : kKernelStart + std::max(2 * arithmetic,
                                                static_cast<double>(cost.bytes) / kBytesPerCycle);
  return cycles / native::LayerCost::kCyclesPerNs;
}

double NativeTargetModel::costAs(const Op &op, DType activations, DType weights) const {
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::Gemm:
  case OpKind::MatMul:
    return native::layerCost(op, activations, weights, target_,
                             exact_ ? native::ConvAlgorithm::Direct : native::ConvAlgorithm::Auto,
                             !exact_)
        .nanoseconds();
  default:
    return cost(op);
  }
}

double NativeTargetModel::conversionCost(int64_t elements, DType from, DType to) const {
  double each = bitWidth(to) < bitWidth(from) ? kQuantizeElement : kDequantizeElement;
  each *= 64.0 / target_.vectorBytes;
  return (kKernelStart + static_cast<double>(elements) * each) / native::LayerCost::kCyclesPerNs;
}

int64_t NativeTargetModel::channelMultiple(DType dtype) const {
  return native::columnMultiple(dtype, target_);
}

} // namespace edgecc::driver
