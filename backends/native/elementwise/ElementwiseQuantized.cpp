// Quantisation on registers, bit for bit runtime/numerics/Quantize.h and Requantize.h.
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Emitters.h"
#include "backends/native/elementwise/Magnitude.h"
#include "backends/native/elementwise/SplitReciprocal.h"

#include "runtime/numerics/Quantize.h"

#include <bit>

namespace edgecc::native {

using llvm::Value;

bool isQuantizedOp(OpKind kind) {
  return kind == OpKind::QuantizeLinear || kind == OpKind::DequantizeLinear ||
         kind == OpKind::Requantize || kind == OpKind::TableLookup;
}

namespace {

// Adding it to numbers below 2^22 rounds to nearest even and leaves the integer in the low mantissa
// bits.
constexpr double kRounding = 0x1.8p23;

class QuantizedEmitter {
public:
  QuantizedEmitter(KernelEmitter &e, unsigned lanes)
      : e_(e), b_(e.b), f32_(withLanes(e.b.getFloatTy(), lanes)),
        i32_(withLanes(e.b.getInt32Ty(), lanes)), lanes_(lanes) {}

  Value *quantize(const Op &op, Operands x);
  Value *dequantize(const Op &op, Operands x);
  Value *quantizeToBytes(DType to, Value *value, Value *scale, Value *zeroPoint, bool isBounded);
  Value *quantizeSwish(const Op &op, const Op &swish, Operands x);
  Value *requantize(const Op &op, Operands x);
  Value *requantizedReal(const Op &op, Operands x, Value *scale, Value *zeroPoint);
  Value *tableLookup(const Op &op, Operands x);

private:
  // clamp(rne(value) + zeroPoint, low, high) in i32; NaN gives low. Clamping first is the same,
  // because the limits are integers, and keeps the rounding below within 2^22.
  Value *roundShiftClamp(Value *value, Value *zeroPoint, int64_t low, int64_t high) {
    auto bound = [&](int64_t limit) {
      return b_.CreateSIToFP(b_.CreateSub(llvm::ConstantInt::get(i32_, limit, true), zeroPoint),
                             f32_);
    };
    Value *lowest = bound(low), *highest = bound(high);
    value = clamped(value, lowest, highest);
    Value *magic = llvm::ConstantFP::get(f32_, kRounding);
    Value *rounded = b_.CreateSub(b_.CreateBitCast(b_.CreateFAdd(value, magic), i32_),
                                  b_.CreateBitCast(magic, i32_));
    return b_.CreateAdd(rounded, zeroPoint);
  }
  // The same as elements of the type `to`.
  Value *roundTo(DType to, Value *value, Value *zeroPoint, int64_t low, int64_t high,
                 bool isBounded = false) {
    auto *shift = llvm::dyn_cast_or_null<llvm::ConstantInt>(splatOf(zeroPoint));
    if (shift && bitWidth(to) == 8 && canRoundToBytes(e_.target, lanes_))
      return roundToBytes(e_, value, {shift->getSExtValue(), low, high, isSigned(to), isBounded});
    return convert(e_, roundShiftClamp(value, zeroPoint, low, high), DType::I32, to);
  }

  // x / scale, correctly rounded where the result is within what quantisation does not clamp, and
  // beyond that, with the same sign, elsewhere.
  Value *quotient(Value *x, Value *scale);

  // The constant in all lanes; null if there is none.
  llvm::Constant *splatOf(Value *value) const {
    auto *constant = llvm::dyn_cast<llvm::Constant>(value);
    return constant && lanes_ > 1 ? constant->getSplatValue() : constant;
  }

  // NaN gives `lowest`.
  Value *clamped(Value *value, Value *lowest, Value *highest) {
    value = b_.CreateSelect(b_.CreateFCmpOGT(value, lowest), value, lowest);
    return b_.CreateSelect(b_.CreateFCmpOLT(value, highest), value, highest);
  }

  Value *zero() { return llvm::Constant::getNullValue(i32_); }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  llvm::Type *f32_, *i32_;
  unsigned lanes_;
};

// Division by a constant b with y = rne(1 / b):
//   q = rne(x y), r = x - q b (exact), x / b = rne(q + r y)
// (Brisebarre, Muller and Raina, "Accelerating correctly rounded floating-point division when the
// divisor is known in advance", 2004, section 1). It needs a reciprocal whose error is below half a
// unit, which a significand of ones does not have, and no underflow of r where q matters. q is
// bounded so that infinite x stay infinite.
Value *QuantizedEmitter::quotient(Value *x, Value *scale) {
  auto *real = llvm::dyn_cast_or_null<llvm::ConstantFP>(splatOf(scale));
  float divisor = real ? real->getValueAPF().convertToFloat() : 0;
  bool onlyOnes = (std::bit_cast<uint32_t>(divisor) & 0x7fffff) == 0x7fffff;
  if (!e_.target.fma || lanes_ == 1 || onlyOnes || !(divisor >= 0x1p-90f && divisor <= 0x1p90f))
    return b_.CreateFDiv(x, scale);
  constexpr double kBeyond = 0x1p20; // of any 16-bit range
  Value *reciprocal = floatLike(x, 1 / divisor);
  Value *q = b_.CreateFMul(x, reciprocal);
  Value *low = floatLike(x, -kBeyond), *high = floatLike(x, kBeyond);
  q = b_.CreateSelect(b_.CreateFCmpOGT(q, low), q, low);
  q = b_.CreateSelect(b_.CreateFCmpOLT(q, high), q, high);
  Value *rest = e_.multiplyAdd(b_.CreateFNeg(q), scale, x);
  return e_.multiplyAdd(rest, reciprocal, q);
}

// With a constant scale and zero point, where two multiplications give the same as the division.
Value *QuantizedEmitter::quantizeToBytes(DType to, Value *value, Value *scale, Value *zeroPoint,
                                         bool isBounded) {
  auto *real = llvm::dyn_cast_or_null<llvm::ConstantFP>(splatOf(scale));
  auto *zero = llvm::dyn_cast_or_null<llvm::ConstantInt>(zeroPoint ? splatOf(zeroPoint) : nullptr);
  bool isByte = isInteger(to) && bitWidth(to) == 8;
  if (!isByte || !real || (zeroPoint && !zero) || !e_.target.fma ||
      !canRoundToBytes(e_.target, lanes_))
    return nullptr;
  int64_t shift = 0;
  if (zero)
    shift = isSigned(to) ? zero->getSExtValue() : static_cast<int64_t>(zero->getZExtValue());
  auto range = numerics::integerRange(8, isSigned(to));
  float divisor = real->getValueAPF().convertToFloat();
  auto reciprocal = splitReciprocal(divisor, range.low - shift, range.high - shift);
  if (!reciprocal)
    return nullptr;
  // Far above the range, so that nothing overflows. NaN, and minus infinity where the two products
  // differ in sign, give the lowest integer.
  if (!isBounded) {
    Value *bound = floatLike(value, 32768.0 * static_cast<double>(divisor));
    value = b_.CreateSelect(b_.CreateFCmpOLT(bound, value), bound, value);
  }
  Value *high = floatLike(value, reciprocal->high), *low = floatLike(value, reciprocal->low);
  Value *ratio = reciprocal->low == 0 ? b_.CreateFMul(value, high)
                                      : e_.multiplyAdd(value, high, b_.CreateFMul(value, low));
  return roundToBytes(e_, ratio, {shift, range.low, range.high, isSigned(to), true});
}

Value *QuantizedEmitter::quantize(const Op &op, Operands x) {
  DType to = op.dtype("to");
  Value *value = convert(e_, x[0], op.operand(0)->type.dtype, DType::F32);
  Value *scale = convert(e_, x[1], op.operand(1)->type.dtype, DType::F32);
  bool shifted = x.size() > 2 && x[2];
  if (Value *bytes =
          quantizeToBytes(to, value, scale, shifted ? x[2] : nullptr, roundsWithinI32(op)))
    return bytes;
  Value *ratio = isStorageFloat(to) ? b_.CreateFDiv(value, scale) : quotient(value, scale);
  if (isStorageFloat(to)) {
    if (shifted)
      ratio = b_.CreateFAdd(ratio, convert(e_, x[2], to, DType::F32));
    return convert(e_, ratio, DType::F32, to, op.flag("saturate"));
  }
  Value *zeroPoint = shifted ? convert(e_, x[2], to, DType::I32) : zero();
  auto range = numerics::integerRange(static_cast<int>(bitWidth(to)), isSigned(to));
  return roundTo(to, ratio, zeroPoint, range.low, range.high);
}

// Division by the scale moves into the numerator, where it is one multiplication: see
// docs/numerics.md.
Value *QuantizedEmitter::quantizeSwish(const Op &op, const Op &swish, Operands x) {
  DType to = op.dtype("to");
  auto *real = llvm::dyn_cast_or_null<llvm::ConstantFP>(splatOf(x[1]));
  if (!isInteger(to) || bitWidth(to) != 8 || !real ||
      !x[1]->getType()->getScalarType()->isFloatTy())
    return nullptr;
  double divisor = real->getValueAPF().convertToFloat();
  if (!(divisor >= 0x1p-90 && divisor <= 0x1p90))
    return nullptr;
  Value *ratio = math::swish(e_, x[0], swish.real("alpha"), 1 / divisor);
  Value *zeroPoint = x.size() > 2 && x[2] ? convert(e_, x[2], to, DType::I32) : zero();
  auto range = numerics::integerRange(8, isSigned(to));
  return roundTo(to, ratio, zeroPoint, range.low, range.high, roundsWithinI32(op));
}

Value *QuantizedEmitter::dequantize(const Op &op, Operands x) {
  DType from = op.operand(0)->type.dtype, to = op.dtype("to");
  Value *scale = convert(e_, x[1], op.operand(1)->type.dtype, DType::F32);
  bool shifted = x.size() > 2 && x[2];
  Value *value;
  if (isStorageFloat(from)) {
    value = convert(e_, x[0], from, DType::F32);
    if (shifted)
      value = b_.CreateFSub(value, convert(e_, x[2], from, DType::F32));
  } else {
    // The difference is exact before it is rounded to f32.
    DType wide = shifted && from == DType::I32 ? DType::I64 : DType::I32;
    value = convert(e_, x[0], from, wide);
    if (shifted)
      value = b_.CreateSub(value, convert(e_, x[2], from, wide));
    value = b_.CreateSIToFP(value, f32_);
  }
  return convert(e_, b_.CreateFMul(value, scale), DType::F32, to);
}

Value *QuantizedEmitter::requantize(const Op &op, Operands x) {
  Value *product = b_.CreateFMul(b_.CreateSIToFP(x[0], f32_), x[1]);
  Value *zeroPoint = llvm::ConstantInt::get(i32_, op.integer("zero_point"), true);
  return roundTo(op.dtype("to"), product, zeroPoint, op.integer("low"), op.integer("high"),
                 roundsWithinI32(op));
}

// The difference q - zero point is rne(acc M) between its bounds. The sum and the difference with
// 1.5 * 2^23 leave a positive zero, as the conversion of an integer does.
Value *QuantizedEmitter::requantizedReal(const Op &op, Operands x, Value *scale, Value *zeroPoint) {
  int64_t zero = op.integer("zero_point");
  if (zeroPoint) {
    auto *known = llvm::dyn_cast_or_null<llvm::ConstantInt>(splatOf(zeroPoint));
    if (!known || (isSigned(op.dtype("to")) ? known->getSExtValue()
                                            : static_cast<int64_t>(known->getZExtValue())) != zero)
      return nullptr;
  } else if (zero != 0) {
    return nullptr;
  }
  Value *value = b_.CreateFMul(b_.CreateSIToFP(x[0], f32_), x[1]);
  auto bound = [&](const char *name, double offset) {
    return llvm::ConstantFP::get(f32_, static_cast<double>(op.integer(name) - zero) + offset);
  };
  Value *magic = llvm::ConstantFP::get(f32_, kRounding);
  Value *rounded;
  if (roundsWithinI32(op)) {
    // Between positive numbers, and between them and negative ones, bits compare as numbers do.
    auto bits = [&](Value *number) { return b_.CreateBitCast(number, i32_); };
    rounded = bits(b_.CreateFAdd(value, magic));
    rounded =
        b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, rounded, bits(bound("low", kRounding)));
    rounded =
        b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, rounded, bits(bound("high", kRounding)));
    rounded = b_.CreateBitCast(rounded, f32_);
  } else {
    rounded = b_.CreateFAdd(clamped(value, bound("low", 0), bound("high", 0)), magic);
  }
  return b_.CreateFMul(b_.CreateFSub(rounded, magic), scale);
}

Value *QuantizedEmitter::tableLookup(const Op &op, Operands x) {
  DType element = op.operand(1)->type.dtype;
  Value *index = x[0];
  if (op.operand(0)->type.dtype == DType::I8) // the table begins with the entry of -128
    index = b_.CreateXor(index, intLike(index, 0x80));
  if (bitWidth(element) == 8 && canLookUpBytes(e_.target, lanes_))
    return lookUpBytes(e_, x[1], index);
  index = b_.CreateZExt(index, withLanes(b_.getInt64Ty(), lanes_));
  if (lanes_ == 1)
    return e_.load(element, e_.elementPointer(element, x[1], index));
  Value *result = llvm::PoisonValue::get(e_.vectorType(element, lanes_));
  for (unsigned i = 0; i < lanes_; ++i) {
    Value *at = e_.elementPointer(element, x[1], b_.CreateExtractElement(index, i));
    result = b_.CreateInsertElement(result, e_.load(element, at), i);
  }
  return result;
}

} // namespace

Value *emitRequantizedReal(KernelEmitter &e, const Op &requantize, Operands x, Value *scale,
                           Value *zeroPoint, unsigned lanes) {
  return QuantizedEmitter(e, lanes).requantizedReal(requantize, x, scale, zeroPoint);
}

Value *emitQuantizedSwish(KernelEmitter &e, const Op &quantize, const Op &swish, Operands operands,
                          unsigned lanes) {
  return QuantizedEmitter(e, lanes).quantizeSwish(quantize, swish, operands);
}

Value *emitQuantizedOp(KernelEmitter &e, const Op &op, Operands x, unsigned lanes) {
  QuantizedEmitter emitter(e, lanes);
  switch (op.kind()) {
  case OpKind::QuantizeLinear:
    return emitter.quantize(op, x);
  case OpKind::DequantizeLinear:
    return emitter.dequantize(op, x);
  case OpKind::Requantize:
    return emitter.requantize(op, x);
  default:
    return emitter.tableLookup(op, x);
  }
}

} // namespace edgecc::native
