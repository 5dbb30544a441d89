// Data movement on integers instead of reals.
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>

namespace edgecc::quantized {

namespace {

// Ops that only move elements of operand 0, or pick the largest, so that they commute with an
// increasing function applied to every element.
bool commutes(const Op &op) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
  case OpKind::Gather:
    return true;
  case OpKind::Resize:
    return op.text("mode") == "nearest" && op.text("coordinate_mode") != "tf_crop_and_resize";
  case OpKind::MaxPool:
    return onlyFirstResultUsed(op);
  default:
    return false;
  }
}

bool takesDType(const Op &op, DType dtype) {
  if (op.kind() == OpKind::MaxPool)
    return dtype == DType::I8 || dtype == DType::U8;
  return bitWidth(dtype) == 8 || bitWidth(dtype) == 16;
}

Value *dequantizeLike(Builder &builder, const Op &dequantize, Value *x) {
  std::vector<Value *> operands = dequantize.operands();
  operands[0] = x;
  return builder.createOp(OpKind::DequantizeLinear, operands, dequantize.attributes())->result();
}

bool moveBelow(Module &module, Op *op) {
  const Op *dequantize = definedBy(op->operand(0), OpKind::DequantizeLinear);
  if (!dequantize || !commutes(*op) || constantOf(dequantize->operand(0)))
    return false;
  auto from = quantizationOf(*dequantize);
  if (!from || !from->perTensor() || !takesDType(*op, from->dtype))
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  std::vector<Value *> operands = op->operands();
  operands[0] = dequantize->operand(0);
  Value *moved = builder.createOp(op->kind(), operands, op->attributes())->result();
  replaceOp(op, dequantizeLike(builder, *dequantize, moved));
  return true;
}

bool moveBelowConcat(Module &module, Op *op) {
  if (op->kind() != OpKind::Concat)
    return false;
  auto first = dequantizedFrom(op->operand(0));
  if (!first || !first->perTensor())
    return false;
  std::vector<Value *> parts;
  for (const Value *operand : op->operands()) {
    if (dequantizedFrom(operand) != first)
      return false;
    parts.push_back(operand->definingOp()->operand(0));
  }
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  const Op &dequantize = *op->operand(0)->definingOp();
  Value *whole = builder.createOp(OpKind::Concat, parts, op->attributes())->result();
  replaceOp(op, dequantizeLike(builder, dequantize, whole));
  return true;
}

// A constant Pad whose value the integer type holds.
bool moveBelowPad(Module &module, Op *op) {
  const Op *dequantize = definedBy(op->operand(0), OpKind::DequantizeLinear);
  if (op->kind() != OpKind::Pad || !dequantize || constantOf(dequantize->operand(0)))
    return false;
  auto from = quantizationOf(*dequantize);
  const Tensor *value = constantOf(op->operand(1));
  bool isZero = !op->operand(1) || (value && value->asDouble(0) == 0);
  if (!from || !from->perTensor() || !isZero || from->dtype == DType::I32)
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *zero = builder.scalar(from->dtype, from->zeroPoint(0));
  Value *moved = builder.create(OpKind::Pad, {dequantize->operand(0), zero}, op->attributes());
  replaceOp(op, dequantizeLike(builder, *dequantize, moved));
  return true;
}

} // namespace

int64_t moveDequantizeDown(Module &module, Block &block) {
  int64_t moved = 0;
  for (Op *op : block.snapshot())
    if (op->numOperands() &&
        (moveBelow(module, op) || moveBelowConcat(module, op) || moveBelowPad(module, op)))
      ++moved;
  return moved;
}

int64_t moveQuantizeUp(Module &module, Block &block) {
  int64_t moved = 0;
  for (Op *op : block.snapshot()) {
    auto to = quantizationOf(*op);
    const Op *concat =
        op->kind() == OpKind::QuantizeLinear ? definedBy(op->operand(0), OpKind::Concat) : nullptr;
    if (!to || !to->perTensor() || !concat || !hasOneUser(concat->result()))
      continue;
    Builder builder(module);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    std::vector<Value *> parts;
    for (Value *part : concat->operands()) {
      std::vector<Value *> operands = op->operands();
      operands[0] = part;
      parts.push_back(
          builder.createOp(OpKind::QuantizeLinear, operands, op->attributes())->result());
    }
    Op *old = op->operand(0)->definingOp();
    Attributes attributes = old->attributes();
    builder.location = old->location;
    replaceOp(op, builder.createOp(OpKind::Concat, parts, attributes)->result());
    eraseWithDeadOperands(old);
    ++moved;
  }
  return moved;
}

void duplicateDequantize(Module &module, Block &block) {
  for (Op *op : block.snapshot()) {
    if (op->kind() != OpKind::DequantizeLinear || constantOf(op->operand(0)))
      continue;
    std::vector<Use> uses = op->result()->uses();
    for (size_t i = 1; i < uses.size(); ++i) {
      if (uses[i].user->block() != op->block() || uses[i].user->def().is(OpTrait::Terminator))
        continue;
      Builder builder(module);
      builder.setInsertionBefore(uses[i].user);
      ValueMapping mapping;
      uses[i].user->setOperand(uses[i].operand, cloneOp(builder, *op, mapping)->result());
    }
  }
}

} // namespace edgecc::quantized
