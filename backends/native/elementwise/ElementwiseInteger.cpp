#include "backends/native/elementwise/Emitters.h"

namespace edgecc::native {

using llvm::Value;

bool isIntegerOp(OpKind kind) {
  switch (kind) {
  case OpKind::Abs:
  case OpKind::BitwiseNot:
  case OpKind::Neg:
  case OpKind::Sign:
  case OpKind::PRelu:
  case OpKind::Shrink:
  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Div:
  case OpKind::Mod:
  case OpKind::Pow:
  case OpKind::BitwiseAnd:
  case OpKind::BitwiseOr:
  case OpKind::BitwiseXor:
  case OpKind::BitShift:
    return true;
  default:
    return false;
  }
}

namespace {

class IntegerEmitter {
public:
  IntegerEmitter(KernelEmitter &e, DType dtype)
      : e_(e), b_(e.b), dtype_(dtype), signed_(isSigned(dtype)) {}

  Value *emit(const Op &op, Operands x);

private:
  Value *isNegative(Value *x) {
    return signed_ ? b_.CreateICmpSLT(x, intLike(x, 0))
                   : llvm::Constant::getNullValue(typeLike(b_.getInt1Ty(), x));
  }
  Value *sign(Value *x) {
    Value *positive = lessThan(e_, dtype_, intLike(x, 0), x);
    return b_.CreateSelect(positive, intLike(x, 1),
                           b_.CreateSelect(isNegative(x), intLike(x, -1), intLike(x, 0)));
  }
  // Truncated quotient or remainder. Divisors 0 and -1 never reach the instruction, which traps on
  // the former and overflows on the latter.
  Value *divide(Value *x, Value *y) {
    Value *isZero = b_.CreateICmpEQ(y, intLike(y, 0));
    if (!signed_)
      return b_.CreateSelect(isZero, intLike(x, 0),
                             b_.CreateUDiv(x, b_.CreateSelect(isZero, intLike(y, 1), y)));
    Value *isMinusOne = b_.CreateICmpEQ(y, intLike(y, -1));
    Value *safe = b_.CreateSelect(b_.CreateOr(isZero, isMinusOne), intLike(y, 1), y);
    Value *quotient = b_.CreateSelect(isMinusOne, b_.CreateNeg(x), b_.CreateSDiv(x, safe));
    return b_.CreateSelect(isZero, intLike(x, 0), quotient);
  }
  Value *remainder(Value *x, Value *y, bool signOfDividend) {
    Value *isZero = b_.CreateICmpEQ(y, intLike(y, 0));
    if (!signed_)
      // The remainder of a division by 1 is the 0 that is wanted.
      return b_.CreateURem(x, b_.CreateSelect(isZero, intLike(y, 1), y));
    Value *isTrivial = b_.CreateOr(isZero, b_.CreateICmpEQ(y, intLike(y, -1)));
    Value *r = b_.CreateSRem(x, b_.CreateSelect(isTrivial, intLike(y, 1), y));
    if (signOfDividend)
      return r;
    Value *adjust =
        b_.CreateAnd(b_.CreateICmpNE(r, intLike(r, 0)), b_.CreateXor(isNegative(r), isNegative(y)));
    return b_.CreateSelect(adjust, b_.CreateAdd(r, y), r);
  }
  Value *power(Value *x, Value *y, bool exponentSigned);
  Value *shrink(const Op &op, Value *x);

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  DType dtype_;
  bool signed_;
};

// Square and multiply over the bits of y, wrapping. A negative exponent gives the truncated
// reciprocal: 0 but for bases 1 and -1.
Value *IntegerEmitter::power(Value *x, Value *y, bool exponentSigned) {
  Value *one = intLike(x, 1);
  unsigned bits = y->getType()->getScalarSizeInBits();
  Value *exponent = exponentSigned ? b_.CreateSelect(b_.CreateICmpSLT(y, intLike(y, 0)),
                                                     b_.CreateAnd(y, intLike(y, 1)), y)
                                   : y;
  auto result = e_.loop(
      e_.i64(0), e_.i64(bits), 1, {one, x, exponent},
      [&](Value *, const std::vector<Value *> &state) -> std::vector<Value *> {
        Value *odd = b_.CreateICmpNE(b_.CreateAnd(state[2], intLike(y, 1)), intLike(y, 0));
        Value *product = b_.CreateSelect(odd, b_.CreateMul(state[0], state[1]), state[0]);
        return {product, b_.CreateMul(state[1], state[1]), b_.CreateLShr(state[2], 1)};
      },
      "pow");
  if (!exponentSigned)
    return result[0];
  Value *negative = b_.CreateICmpSLT(y, intLike(y, 0));
  Value *isUnit = b_.CreateICmpEQ(x, one);
  if (signed_)
    isUnit = b_.CreateOr(isUnit, b_.CreateICmpEQ(x, intLike(x, -1)));
  return b_.CreateSelect(b_.CreateAnd(negative, b_.CreateNot(isUnit)), intLike(x, 0), result[0]);
}

// In f64, which holds the sums of every integer up to 32 bits exactly.
Value *IntegerEmitter::shrink(const Op &op, Value *x) {
  Value *wide = convert(e_, x, dtype_, DType::F64);
  auto c = [&](double value) { return floatLike(wide, value); };
  double lambda = op.real("lambda"), bias = op.real("bias");
  Value *low = b_.CreateFCmpOLT(wide, c(-lambda)), *high = b_.CreateFCmpOGT(wide, c(lambda));
  Value *y = b_.CreateSelect(low, b_.CreateFAdd(wide, c(bias)),
                             b_.CreateSelect(high, b_.CreateFSub(wide, c(bias)), c(0)));
  return convert(e_, y, DType::F64, dtype_);
}

Value *IntegerEmitter::emit(const Op &op, Operands x) {
  switch (op.kind()) {
  case OpKind::Abs:
    return b_.CreateSelect(isNegative(x[0]), b_.CreateNeg(x[0]), x[0]);
  case OpKind::BitwiseNot:
    return b_.CreateNot(x[0]);
  case OpKind::Neg:
    return b_.CreateNeg(x[0]);
  case OpKind::Sign:
    return sign(x[0]);
  case OpKind::PRelu:
    return b_.CreateSelect(isNegative(x[0]), b_.CreateMul(x[0], x[1]), x[0]);
  case OpKind::Shrink:
    return shrink(op, x[0]);
  case OpKind::Add:
    return b_.CreateAdd(x[0], x[1]);
  case OpKind::Sub:
    return b_.CreateSub(x[0], x[1]);
  case OpKind::Mul:
    return b_.CreateMul(x[0], x[1]);
  case OpKind::Div:
    return divide(x[0], x[1]);
  case OpKind::Mod:
    return remainder(x[0], x[1], op.flag("fmod"));
  case OpKind::Pow: {
    DType exponent = op.operand(1)->type.dtype;
    // A mixed exponent arrives as i64.
    return power(x[0], x[1], exponent != dtype_ ? exponent != DType::U64 : isSigned(exponent));
  }
  case OpKind::BitwiseAnd:
    return b_.CreateAnd(x[0], x[1]);
  case OpKind::BitwiseOr:
    return b_.CreateOr(x[0], x[1]);
  case OpKind::BitwiseXor:
    return b_.CreateXor(x[0], x[1]);
  default: {
    assert(op.kind() == OpKind::BitShift);
    Value *inside = b_.CreateICmpULT(x[1], intLike(x[1], bitWidth(dtype_)));
    Value *amount = b_.CreateSelect(inside, x[1], intLike(x[1], 0));
    Value *shifted = op.flag("left") ? b_.CreateShl(x[0], amount) : b_.CreateLShr(x[0], amount);
    return b_.CreateSelect(inside, shifted, intLike(x[0], 0));
  }
  }
}

} // namespace

Value *emitIntegerOp(KernelEmitter &e, const Op &op, Operands x, DType dtype) {
  return IntegerEmitter(e, dtype).emit(op, x);
}

} // namespace edgecc::native
