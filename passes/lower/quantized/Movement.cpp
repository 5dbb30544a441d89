// Data movement on integers instead of reals.
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>

namespace edgecc::quantized {

namespace {

// Ops that only move elements of operand 0.
bool isMovement(const Op &op) {
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
  default:
    return false;
  }
}

// Ops that commute with an increasing function applied to every element.
bool commutes(const Op &op) {
  switch (op.kind()) {
  case OpKind::MaxPool:
    return onlyFirstResultUsed(op);
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
    return op.result()->type.elements() > 0 && op.operand(0)->type.elements() > 0;
  default:
    return isMovement(op);
  }
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
  if (!from || !from->perTensor() || !isNarrow(from->dtype))
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  std::vector<Value *> operands = op->operands();
  operands[0] = dequantize->operand(0);
  auto moved = builder.tryCreate(op->kind(), operands, op->attributes());
  if (!moved)
    return false; // not for integers
  replaceOp(op, dequantizeLike(builder, *dequantize, (*moved)->result()));
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
  if (!from || !from->perTensor() || !isZero || !isNarrow(from->dtype))
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
  std::vector<Op *> pending;
  for (Op *op : block.snapshot())
    if (op->kind() == OpKind::QuantizeLinear)
      pending.push_back(op);
  while (!pending.empty()) {
    Op *op = pending.back(); // the last first: a Quantize may pass several ops
    pending.pop_back();
    auto to = quantizationOf(*op);
    Op *movement = op->operand(0)->definingOp();
    if (!to || !to->perTensor() || !movement || movement->block() != op->block() ||
        !(movement->kind() == OpKind::Concat || isMovement(*movement)) ||
        !hasOneUser(movement->result()))
      continue;
    Builder builder(module);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    std::vector<Value *> operands = movement->operands();
    size_t parts = movement->kind() == OpKind::Concat ? operands.size() : 1;
    for (size_t i = 0; i < parts; ++i) {
      std::vector<Value *> quantized = op->operands();
      quantized[0] = operands[i];
      Op *part = builder.createOp(OpKind::QuantizeLinear, quantized, op->attributes());
      operands[i] = part->result();
      pending.push_back(part);
    }
    builder.location = movement->location;
    auto whole = builder.tryCreate(movement->kind(), operands, movement->attributes());
    if (!whole) { // not for integers
      for (size_t i = 0; i < parts; ++i)
        pending.pop_back();
      for (size_t i = 0; i < parts; ++i)
        operands[i]->definingOp()->erase();
      continue;
    }
    replaceOp(op, (*whole)->result());
    eraseWithDeadOperands(movement);
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
