#include "backends/native/elementwise/Emitters.h"

#include "ir/Module.h"
#include "ir/OpDef.h"

namespace edgecc::native {

using llvm::Value;

static bool isLogicOp(OpKind kind) {
  switch (kind) {
  case OpKind::Identity:
  case OpKind::Cast:
  case OpKind::Bitcast:
  case OpKind::Where:
  case OpKind::Not:
  case OpKind::And:
  case OpKind::Or:
  case OpKind::Xor:
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
  case OpKind::Max:
  case OpKind::Min:
  case OpKind::Clip:
  case OpKind::Relu:
    return true;
  default:
    return false;
  }
}

bool isElementwiseEmittable(const Op &op) {
  return isLogicOp(op.kind()) || isFloatOp(op.kind()) || isIntegerOp(op.kind()) ||
         isQuantizedOp(op.kind());
}

bool isPointerOperand(const Op &op, unsigned i) {
  return op.kind() == OpKind::TableLookup && i == 1;
}

// The registers of a value as `to`; bits stay as they are.
static Value *bitcast(KernelEmitter &e, Value *value, DType to) {
  auto &b = e.b;
  if (value->getType()->getScalarType()->isIntegerTy(1))
    value = b.CreateZExt(value, typeLike(b.getInt8Ty(), value));
  if (to == DType::Bool)
    return b.CreateICmpNE(b.CreateBitCast(value, typeLike(b.getInt8Ty(), value)),
                          llvm::Constant::getNullValue(typeLike(b.getInt8Ty(), value)));
  return b.CreateBitCast(value, typeLike(e.scalarType(to), value));
}

static Value *compare(KernelEmitter &e, OpKind kind, DType dtype, Value *x, Value *y) {
  switch (kind) {
  case OpKind::Equal:
    return equalTo(e, dtype, x, y);
  case OpKind::Greater:
    return lessThan(e, dtype, y, x);
  case OpKind::Less:
    return lessThan(e, dtype, x, y);
  default:
    break;
  }
  bool greater = kind == OpKind::GreaterOrEqual;
  if (x->getType()->getScalarType()->isFloatingPointTy())
    return greater ? e.b.CreateFCmpOGE(x, y) : e.b.CreateFCmpOLE(x, y);
  return e.b.CreateNot(greater ? lessThan(e, dtype, x, y) : lessThan(e, dtype, y, x));
}

// max(x, bound) or min(x, bound) where NaN in x stays: one instruction on machines whose extremum
// returns its second operand when either is NaN.
static Value *limit(KernelEmitter &e, DType dtype, Value *x, Value *bound, bool below) {
  Value *beyond = below ? lessThan(e, dtype, x, bound) : lessThan(e, dtype, bound, x);
  return e.b.CreateSelect(beyond, bound, x);
}

static Value *emitLogicOp(KernelEmitter &e, const Op &op, Operands x, DType dtype) {
  auto &b = e.b;
  switch (op.kind()) {
  case OpKind::Not:
    return b.CreateNot(x[0]);
  case OpKind::And:
    return b.CreateAnd(x[0], x[1]);
  case OpKind::Or:
    return b.CreateOr(x[0], x[1]);
  case OpKind::Xor:
    return b.CreateXor(x[0], x[1]);
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
    return compare(e, op.kind(), dtype, x[0], x[1]);
  case OpKind::Max:
    return maximum(e, dtype, x[0], x[1]);
  case OpKind::Min:
    return minimum(e, dtype, x[0], x[1]);
  case OpKind::Relu:
    return limit(e, dtype, x[0], llvm::Constant::getNullValue(x[0]->getType()), true);
  default: {
    assert(op.kind() == OpKind::Clip);
    Value *value = x[0];
    if (x.size() > 1 && x[1])
      value = limit(e, dtype, value, x[1], true);
    if (x.size() > 2 && x[2])
      value = limit(e, dtype, value, x[2], false);
    return value;
  }
  }
}

// Halves are selected as integers: not every target has registers for them.
static Value *select(KernelEmitter &e, Operands x) {
  llvm::Type *type = x[1]->getType(), *scalar = type->getScalarType();
  if (!scalar->isHalfTy() && !scalar->isBFloatTy())
    return e.b.CreateSelect(x[0], x[1], x[2]);
  llvm::Type *bits = typeLike(e.b.getInt16Ty(), x[1]);
  return e.b.CreateBitCast(
      e.b.CreateSelect(x[0], e.b.CreateBitCast(x[1], bits), e.b.CreateBitCast(x[2], bits)), type);
}

// A ^ B in the type of A where A is an integer and B of any type.
static bool isMixedPower(const Op &op) {
  return op.kind() == OpKind::Pow && op.operand(0)->type.dtype != op.operand(1)->type.dtype;
}

Value *emitElementwise(KernelEmitter &e, const Op &op, Operands operands, unsigned lanes) {
  DType dtype = op.operand(0)->type.dtype;
  switch (op.kind()) {
  case OpKind::Identity:
    return operands[0];
  case OpKind::Cast:
    return convert(e, operands[0], dtype, op.dtype("to"), op.flag("saturate"));
  case OpKind::Bitcast:
    return bitcast(e, operands[0], op.dtype("to"));
  case OpKind::Where:
    return select(e, operands);
  default:
    break;
  }
  if (isQuantizedOp(op.kind()))
    return emitQuantizedOp(e, op, operands, lanes);

  std::vector<Value *> x(operands.begin(), operands.end());
  bool floatPower = isMixedPower(op) && !isFloat(dtype) && isFloat(op.operand(1)->type.dtype);
  for (unsigned i = 0; i < x.size(); ++i) {
    if (!x[i])
      continue;
    DType own = op.operand(i)->type.dtype;
    if (isMixedPower(op) && i == 1 && isFloat(dtype))
      x[i] = convert(e, x[i], own, computeType(dtype));
    else if (isMixedPower(op) && i == 1 && !floatPower)
      x[i] = convert(e, x[i], own, DType::I64);
    else if (floatPower)
      x[i] = convert(e, x[i], own, DType::F64);
    else
      x[i] = toCompute(e, x[i], own);
  }
  if (floatPower)
    return convert(e, callScalar(e, "edgecc_support_pow", x), DType::F64, dtype);

  Value *value;
  if (isLogicOp(op.kind()))
    value = emitLogicOp(e, op, x, dtype);
  else if (isFloat(dtype))
    value = emitFloatOp(e, op, x);
  else
    value = emitIntegerOp(e, op, x, dtype);
  DType result = op.result()->type.dtype;
  return result == DType::Bool ? value : fromCompute(e, value, result);
}

// A scalar parameter inside a region, in registers.
static Value *parameterRegister(KernelEmitter &e, const Op &param, unsigned lanes) {
  assert(param.parameter->content.elements() == 1 && "only scalar parameters live inside regions");
  return e.splat(constantElement(e, param.parameter->content, 0), lanes);
}

// The Requantize of i32 sums to at most 16 bits that `op` dequantises to f32.
static const Op *requantizedSource(const Op &op) {
  if (op.kind() != OpKind::DequantizeLinear || op.dtype("to") != DType::F32 ||
      op.operand(1)->type.dtype != DType::F32)
    return nullptr;
  const Op *source = op.operand(0)->definingOp();
  bool isRequantize = source && source->kind() == OpKind::Requantize &&
                      source->operand(0)->type.dtype == DType::I32 &&
                      source->operand(1)->type.dtype == DType::F32;
  return isRequantize ? source : nullptr;
}

// The operand of the Relu before a QuantizeLinear whose zero point, `zeroPoint`, is the least
// integer that it gives: all below zero becomes that one anyway. Null if it is not so.
static const edgecc::Value *withoutRelu(const Op &op, Value *zeroPoint) {
  if (op.kind() != OpKind::QuantizeLinear || !isInteger(op.dtype("to")))
    return nullptr;
  const Op *relu = op.operand(0)->definingOp();
  if (!relu || relu->kind() != OpKind::Relu || !isFloat(relu->result()->type.dtype))
    return nullptr;
  auto *constant = llvm::dyn_cast_or_null<llvm::Constant>(zeroPoint);
  if (constant && constant->getType()->isVectorTy())
    constant = constant->getSplatValue();
  auto *known = llvm::dyn_cast_or_null<llvm::ConstantInt>(constant);
  bool isLeast = isUnsigned(op.dtype("to")) ? !zeroPoint || (known && known->isZero())
                                            : known && known->isMinValue(true);
  return isLeast ? relu->operand(0) : nullptr;
}

// The Swish of f32 that `op` quantises.
static const Op *quantizedSwish(const Op &op) {
  const Op *source = op.kind() == OpKind::QuantizeLinear ? op.operand(0)->definingOp() : nullptr;
  bool isSwish =
      source && source->kind() == OpKind::Swish && source->result()->type.dtype == DType::F32;
  return isSwish ? source : nullptr;
}

std::vector<Value *> emitRegion(KernelEmitter &e, const Block &body, unsigned lanes,
                                std::map<const edgecc::Value *, Value *> known,
                                const std::function<Value *(const edgecc::Value &argument)> &leaf) {
  auto registerOf = [&](const edgecc::Value *value) -> Value * {
    if (!value)
      return nullptr;
    if (auto it = known.find(value); it != known.end())
      return it->second;
    assert(!value->definingOp() && "an op of the region comes before its operands");
    return known[value] = leaf(*value);
  };
  for (const auto &op : body.ops()) {
    if (op->def().is(OpTrait::Terminator) || known.contains(op->result()))
      continue;
    if (op->kind() == OpKind::Param) {
      known[op->result()] = parameterRegister(e, *op, lanes);
      continue;
    }
    std::vector<Value *> operands;
    for (const edgecc::Value *operand : op->operands())
      operands.push_back(registerOf(operand));
    if (const edgecc::Value *real = withoutRelu(*op, operands.size() > 2 ? operands[2] : nullptr))
      operands[0] = registerOf(real);
    Value *value = nullptr;
    if (const Op *source = requantizedSource(*op)) {
      Value *inputs[] = {registerOf(source->operand(0)), registerOf(source->operand(1))};
      value = emitRequantizedReal(e, *source, inputs, operands[1],
                                  operands.size() > 2 ? operands[2] : nullptr, lanes);
    }
    if (const Op *swish = quantizedSwish(*op)) {
      std::vector<Value *> inputs = operands;
      inputs[0] = registerOf(swish->operand(0));
      value = emitQuantizedSwish(e, *op, *swish, inputs, lanes);
    }
    known[op->result()] = value ? value : emitElementwise(e, *op, operands, lanes);
  }
  std::vector<Value *> yields;
  for (const edgecc::Value *value : body.yields())
    yields.push_back(registerOf(value));
  return yields;
}

} // namespace edgecc::native
