#include "driver/NativeTargetModel.h"

#include "backends/native/Kernel.h"
#include "backends/native/elementwise/Elementwise.h"
#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc::driver {

std::string NativeTargetModel::whyIllegal(const Op &op) const { return native::whyUnsupported(op); }

bool NativeTargetModel::canFuse(const Op &op) const { return native::isElementwiseEmittable(op); }

namespace {

constexpr double kCyclesPerNs = 3.6, kBytesPerCycle = 16;

unsigned bytesOf(DType dtype) { return std::max(1u, bitWidth(dtype) / 8); }
bool isByte(DType dtype) { return dtype == DType::I8 || dtype == DType::U8; }

bool isContraction(const Op &op) { return op.def().is(OpTrait::Contraction); }

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

} // namespace

double NativeTargetModel::cost(const Op &op) const {
  if (disappears(op))
    return 0;
  if (isContraction(op) && op.numOperands() >= 2 && op.operand(0) && op.operand(1))
    return costAs(op, storedType(op.operand(0)), storedType(op.operand(1)));
  Cost cost = costOf(op);
  double lanes = target_.lanes(bytesOf(op.numResults() ? op.result()->type.dtype : DType::F32));
  double arithmetic = static_cast<double>(cost.macs + cost.flops) / lanes;
  return std::max(arithmetic, static_cast<double>(cost.bytes) / kBytesPerCycle) / kCyclesPerNs;
}

// The larger of arithmetic and memory time.
double NativeTargetModel::costAs(const Op &op, DType activations, DType weights) const {
  Cost cost = costOf(op);
  double lanes = target_.lanes(4);
  if (isByte(activations) && isByte(weights))
    lanes *= target_.dot8 ? 4 : target_.arch == native::Arch::X86_64 ? 2 : 1;
  double bytes = 0;
  bytes += static_cast<double>(op.operand(0)->type.elements()) * bytesOf(activations);
  bytes += static_cast<double>(op.operand(1)->type.elements()) * bytesOf(weights);
  bytes += static_cast<double>(op.result()->type.elements()) * bytesOf(activations);
  return std::max(static_cast<double>(cost.macs) / lanes, bytes / kBytesPerCycle) / kCyclesPerNs;
}

double NativeTargetModel::conversionCost(int64_t elements, DType from, DType to) const {
  return static_cast<double>(elements) * (bytesOf(from) + bytesOf(to)) / kBytesPerCycle /
         kCyclesPerNs;
}

int64_t NativeTargetModel::channelMultiple(DType dtype) const {
  return target_.lanes(std::max(1u, bitWidth(dtype) / 8));
}

} // namespace edgecc::driver
