// Conversions between all element types, in integer arithmetic where the target has no instruction
// for them, so that no conversion calls a library. Bit for bit runtime/numerics.
#include "backends/native/elementwise/Numeric.h"

#include <cmath>

namespace edgecc::native {

namespace {

// A binary format narrower than f32: sign, exponent, mantissa from the top.
struct NarrowFormat {
  unsigned mantissaBits;
  int bias;
  unsigned largest;  // magnitude bits of the largest finite number
  unsigned signBit;  // its position
  bool hasInfinity;  // the code after `largest`; codes beyond it are NaN
  bool unsignedZero; // the sign bit alone is NaN, and nothing else is
  unsigned nan;      // magnitude bits of the quiet NaN that is produced
};

NarrowFormat formatOf(DType dtype) {
  switch (dtype) {
  case DType::F16:
    return {10, 15, 0x7bff, 15, true, false, 0x7e00};
  case DType::F8E4M3FN:
    return {3, 7, 0x7e, 7, false, false, 0x7f};
  case DType::F8E4M3FNUZ:
    return {3, 8, 0x7f, 7, false, true, 0};
  case DType::F8E5M2:
    return {2, 15, 0x7b, 7, true, false, 0x7e};
  case DType::F8E5M2FNUZ:
    return {2, 16, 0x7f, 7, false, true, 0};
  case DType::F4E2M1:
    return {1, 1, 0x7, 3, false, false, 0};
  default:
    assert(false && "not a narrow float");
    return {};
  }
}

class Converter {
public:
  Converter(KernelEmitter &e, unsigned lanes)
      : e_(e), b_(e.b), i32_(withLanes(e.b.getInt32Ty(), lanes)),
        f32_(withLanes(e.b.getFloatTy(), lanes)) {}

  // From a format's code in an i32 to f32.
  llvm::Value *widen(llvm::Value *code, const NarrowFormat &format) {
    uint64_t signMask = uint64_t{1} << format.signBit;
    llvm::Value *magnitude = b_.CreateAnd(code, constant(signMask - 1));
    unsigned shift = 23 - format.mantissaBits;
    llvm::Value *normal = b_.CreateAdd(b_.CreateShl(magnitude, shift),
                                       constant(static_cast<uint64_t>(127 - format.bias) << 23));
    // Subnormal codes count multiples of the smallest number.
    llvm::Value *tiny = b_.CreateFMul(
        b_.CreateSIToFP(magnitude, f32_),
        llvm::ConstantFP::get(
            f32_, std::ldexp(1.0, 1 - format.bias - static_cast<int>(format.mantissaBits))));
    llvm::Value *isNormal =
        b_.CreateICmpUGE(magnitude, constant(uint64_t{1} << format.mantissaBits));
    llvm::Value *bits = b_.CreateSelect(isNormal, normal, b_.CreateBitCast(tiny, i32_));
    if (format.hasInfinity) {
      llvm::Value *isInfinite = b_.CreateICmpUGT(magnitude, constant(format.largest));
      // The payload of a NaN is kept and made quiet.
      llvm::Value *payload = b_.CreateShl(
          b_.CreateAnd(magnitude, constant((uint64_t{1} << format.mantissaBits) - 1)), shift);
      if (format.mantissaBits < 10) // 8-bit formats have one NaN as far as f32 is concerned
        payload = constant(0);
      llvm::Value *quiet =
          b_.CreateSelect(b_.CreateICmpUGT(magnitude, constant(format.largest + 1)),
                          b_.CreateOr(payload, constant(0x400000)), constant(0));
      bits = b_.CreateSelect(isInfinite, b_.CreateOr(quiet, constant(0x7f800000)), bits);
    } else if (!format.unsignedZero && format.nan) {
      bits = b_.CreateSelect(b_.CreateICmpUGT(magnitude, constant(format.largest)),
                             constant(0x7fc00000), bits);
    }
    llvm::Value *sign = b_.CreateShl(b_.CreateAnd(code, constant(signMask)), 31 - format.signBit);
    bits = b_.CreateOr(bits, sign);
    if (format.unsignedZero)
      bits = b_.CreateSelect(b_.CreateICmpEQ(code, constant(signMask)), constant(0xffc00000), bits);
    return b_.CreateBitCast(bits, f32_);
  }

  // From f32 to a format's code in an i32, rounded to nearest even.
  llvm::Value *narrow(llvm::Value *x, const NarrowFormat &format, bool saturate) {
    llvm::Value *bits = b_.CreateBitCast(x, i32_);
    llvm::Value *magnitude = b_.CreateAnd(bits, constant(0x7fffffff));
    llvm::Value *sign = b_.CreateAnd(b_.CreateLShr(bits, 31 - format.signBit),
                                     constant(uint64_t{1} << format.signBit));
    unsigned shift = 23 - format.mantissaBits;
    uint64_t rebase = static_cast<uint64_t>(127 - format.bias) << 23;
    llvm::Value *odd = b_.CreateAnd(b_.CreateLShr(magnitude, shift), constant(1));
    llvm::Value *normal =
        b_.CreateLShr(b_.CreateAdd(b_.CreateSub(magnitude, constant(rebase)),
                                   b_.CreateAdd(odd, constant((uint64_t{1} << (shift - 1)) - 1))),
                      shift);
    // Below the smallest normal number the code is the value in units of the smallest number;
    // adding 2^23 in those units rounds it. The scale is exact: f32 has exponents to spare.
    double unit = std::ldexp(1.0, format.bias - 1 + static_cast<int>(format.mantissaBits));
    llvm::Value *scaled =
        b_.CreateFMul(b_.CreateBitCast(magnitude, f32_), llvm::ConstantFP::get(f32_, unit));
    llvm::Value *tiny = b_.CreateSub(
        b_.CreateBitCast(b_.CreateFAdd(scaled, llvm::ConstantFP::get(f32_, 0x1p23)), i32_),
        constant(0x4b000000));
    llvm::Value *smallestNormal = constant(static_cast<uint64_t>(128 - format.bias) << 23);
    llvm::Value *code = b_.CreateSelect(b_.CreateICmpULT(magnitude, smallestNormal), tiny, normal);
    llvm::Value *isNaN = b_.CreateICmpUGT(magnitude, constant(0x7f800000));
    bool saturates = saturate && format.signBit < 15; // f16 goes to infinity
    // What infinity and too large values become.
    llvm::Value *tooLarge;
    if (saturates || format.signBit == 3)
      tooLarge = constant(format.largest);
    else
      tooLarge = constant(format.hasInfinity ? format.largest + 1 : format.nan);
    llvm::Value *overflows = b_.CreateICmpUGT(code, constant(format.largest));
    overflows = b_.CreateOr(overflows, b_.CreateICmpUGE(magnitude, constant(0x7f800000)));
    code = b_.CreateSelect(overflows, tooLarge, code);
    if (format.unsignedZero) {
      // Zero has no sign; the sign alone is NaN, which is also where overflow goes.
      llvm::Value *result = b_.CreateOr(code, sign);
      result = b_.CreateSelect(b_.CreateICmpEQ(code, constant(0)), constant(0), result);
      llvm::Value *toNaN = saturates ? isNaN : b_.CreateOr(isNaN, overflows);
      return b_.CreateSelect(toNaN, constant(uint64_t{1} << format.signBit), result);
    }
    llvm::Value *quiet = constant(format.nan);
    if (format.signBit == 15)
      quiet = b_.CreateOr(quiet, b_.CreateAnd(b_.CreateLShr(magnitude, shift), constant(0x3ff)));
    code = b_.CreateSelect(isNaN, quiet, code);
    if (format.signBit == 3) // 4-bit floats have no NaN: it becomes +0
      sign = b_.CreateSelect(isNaN, constant(0), sign);
    return b_.CreateOr(code, sign);
  }

  llvm::Value *bf16ToF32(llvm::Value *code) {
    llvm::Value *wide = b_.CreateShl(code, 16);
    llvm::Value *nan =
        b_.CreateICmpUGT(b_.CreateAnd(wide, constant(0x7fffffff)), constant(0x7f800000));
    wide = b_.CreateOr(wide, b_.CreateSelect(nan, constant(0x400000), constant(0)));
    return b_.CreateBitCast(wide, f32_);
  }

  llvm::Value *f32ToBf16(llvm::Value *x) {
    llvm::Value *bits = b_.CreateBitCast(x, i32_);
    llvm::Value *odd = b_.CreateAnd(b_.CreateLShr(bits, 16), constant(1));
    llvm::Value *rounded =
        b_.CreateLShr(b_.CreateAdd(bits, b_.CreateAdd(odd, constant(0x7fff))), 16);
    llvm::Value *quiet = b_.CreateOr(b_.CreateLShr(bits, 16), constant(0x40));
    return b_.CreateSelect(isNaN(e_, x), quiet, rounded);
  }

  // A power of two 2^(code - 127), 0xff for NaN.
  llvm::Value *e8m0ToF32(llvm::Value *code) {
    llvm::Value *bits = b_.CreateSelect(b_.CreateICmpEQ(code, constant(0)), constant(0x400000),
                                        b_.CreateShl(code, 23));
    bits = b_.CreateSelect(b_.CreateICmpEQ(code, constant(0xff)), constant(0x7fc00000), bits);
    return b_.CreateBitCast(bits, f32_);
  }

  // The power of two that is not below x; too large ones saturate or become NaN.
  llvm::Value *f32ToE8m0(llvm::Value *x, bool saturate) {
    llvm::Value *bits = b_.CreateBitCast(x, i32_);
    llvm::Value *exponent = b_.CreateLShr(bits, 23);
    llvm::Value *mantissa = b_.CreateAnd(bits, constant(0x7fffff));
    // 2^-127 itself is a subnormal float.
    llvm::Value *exact =
        b_.CreateSelect(b_.CreateICmpEQ(exponent, constant(0)), constant(0x400000), constant(0));
    llvm::Value *code =
        b_.CreateAdd(exponent, b_.CreateZExt(b_.CreateICmpUGT(mantissa, exact), i32_));
    code = b_.CreateSelect(b_.CreateICmpUGT(code, constant(0xfe)), constant(saturate ? 0xfe : 0xff),
                           code);
    code = b_.CreateSelect(b_.CreateICmpUGE(bits, constant(0x7f800000)), constant(0xff), code);
    return b_.CreateSelect(b_.CreateICmpEQ(bits, constant(0x80000000)), constant(0), code);
  }

  // f64 to f32 rounded to odd: a second rounding to fewer bits then gives what one would have.
  llvm::Value *roundToOdd(llvm::Value *x) {
    llvm::Value *near = b_.CreateFPTrunc(x, f32_);
    llvm::Value *back = b_.CreateFPExt(near, x->getType());
    llvm::Value *bits = b_.CreateBitCast(near, i32_);
    llvm::Value *beyond = b_.CreateFCmpOGT(absolute(e_, back), absolute(e_, x));
    llvm::Value *below = b_.CreateSub(bits, b_.CreateZExt(beyond, i32_));
    llvm::Value *odd = b_.CreateOr(below, constant(1));
    // Infinities are exact; NaN compares unordered and stays.
    return b_.CreateBitCast(b_.CreateSelect(b_.CreateFCmpONE(back, x), odd, bits), f32_);
  }

  llvm::Value *toCode(llvm::Value *value) { // the bits of a narrow element as i32
    unsigned width = value->getType()->getScalarSizeInBits();
    llvm::Type *integer = typeLike(b_.getIntNTy(width), value);
    return b_.CreateZExt(b_.CreateBitCast(value, integer), i32_);
  }

  llvm::Value *fromCode(llvm::Value *code, DType dtype) {
    llvm::Type *integer = typeLike(b_.getIntNTy(bitWidth(dtype)), code);
    return b_.CreateBitCast(b_.CreateTrunc(code, integer), typeLike(e_.scalarType(dtype), code));
  }

  // Any float to f32; exact but for f64, which rounds to odd if `forNarrow`.
  llvm::Value *floatToF32(llvm::Value *value, DType from, bool forNarrow) {
    switch (from) {
    case DType::F32:
      return value;
    case DType::F64:
      return forNarrow ? roundToOdd(value) : b_.CreateFPTrunc(value, f32_);
    case DType::F16:
      return e_.target.halfConvert ? b_.CreateFPExt(value, f32_)
                                   : widen(toCode(value), formatOf(from));
    case DType::BF16:
      return bf16ToF32(toCode(value));
    case DType::F8E8M0:
      return e8m0ToF32(toCode(value));
    default:
      return widen(toCode(value), formatOf(from));
    }
  }

  llvm::Value *f32ToFloat(llvm::Value *value, DType to, bool saturate) {
    switch (to) {
    case DType::F32:
      return value;
    case DType::F64:
      return b_.CreateFPExt(value, typeLike(b_.getDoubleTy(), value));
    case DType::F16:
      if (e_.target.halfConvert)
        return b_.CreateFPTrunc(value, typeLike(b_.getHalfTy(), value));
      return fromCode(narrow(value, formatOf(to), saturate), to);
    case DType::BF16:
      return fromCode(f32ToBf16(value), to);
    case DType::F8E8M0:
      return fromCode(f32ToE8m0(value, saturate), to);
    default:
      return fromCode(narrow(value, formatOf(to), saturate), to);
    }
  }

private:
  llvm::Value *constant(uint64_t bits) { return llvm::ConstantInt::get(i32_, bits); }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  llvm::Type *i32_, *f32_;
};

bool isAnyFloat(DType dtype) { return isFloat(dtype) || isStorageFloat(dtype); }

llvm::Value *floatToInteger(KernelEmitter &e, llvm::Value *value, DType to) {
  return saturateToInteger(e, roundToZero(e, value), to);
}

llvm::Value *integerToFloat(KernelEmitter &e, llvm::Value *value, DType from, DType to) {
  // i32 and wider pass through f64, from which every narrower type is one rounding away.
  bool direct = to == DType::F32 || to == DType::F64;
  DType via = direct ? to : bitWidth(from) <= 16 ? DType::F32 : DType::F64;
  llvm::Type *type = typeLike(e.scalarType(via), value);
  llvm::Value *wide =
      isSigned(from) ? e.b.CreateSIToFP(value, type) : e.b.CreateUIToFP(value, type);
  return direct ? wide : convert(e, wide, via, to);
}

} // namespace

llvm::Value *saturateToInteger(KernelEmitter &e, llvm::Value *value, DType to) {
  auto &b = e.b;
  unsigned width = bitWidth(to);
  llvm::Type *type = typeLike(e.scalarType(to), value);
  double low = isSigned(to) ? -std::ldexp(1.0, static_cast<int>(width) - 1) : 0.0;
  double beyond = std::ldexp(1.0, static_cast<int>(width) - (isSigned(to) ? 1 : 0));
  llvm::Value *number = b.CreateSelect(isNaN(e, value), floatLike(value, 0.0), value);
  if (width <= 16) {
    llvm::Value *top = floatLike(value, beyond - 1), *bottom = floatLike(value, low);
    number = b.CreateSelect(b.CreateFCmpOGT(number, top), top, number);
    number = b.CreateSelect(b.CreateFCmpOLT(number, bottom), bottom, number);
    return b.CreateTrunc(b.CreateFPToSI(number, typeLike(b.getInt32Ty(), value)), type);
  }
  // The limits are no floats: convert what fits and select the limit otherwise. The bounds keep
  // the conversion defined in lanes that are not selected.
  llvm::Value *tooHigh = b.CreateFCmpOGE(number, floatLike(value, beyond));
  llvm::Value *tooLow = b.CreateFCmpOLE(number, floatLike(value, low));
  llvm::Value *safe = b.CreateSelect(b.CreateOr(tooHigh, tooLow), floatLike(value, 0.0), number);
  llvm::Value *inside = isSigned(to) ? b.CreateFPToSI(safe, type) : b.CreateFPToUI(safe, type);
  unsigned lanes = lanesOf(value);
  inside = b.CreateSelect(tooHigh, highestValue(e, to, lanes), inside);
  return b.CreateSelect(tooLow, lowestValue(e, to, lanes), inside);
}

llvm::Value *convert(KernelEmitter &e, llvm::Value *value, DType from, DType to, bool saturate) {
  auto &b = e.b;
  if (from == to)
    return value;
  if (from == DType::I4 || from == DType::U4) { // vectors of i4 have no arithmetic of their own
    DType byte = from == DType::I4 ? DType::I8 : DType::U8;
    llvm::Type *type = typeLike(b.getInt8Ty(), value);
    value = from == DType::I4 ? b.CreateSExt(value, type) : b.CreateZExt(value, type);
    return convert(e, value, byte, to, saturate);
  }
  Converter converter(e, lanesOf(value));
  if (to == DType::Bool) {
    if (isStorageFloat(from) || from == DType::F16 || from == DType::BF16)
      value = converter.floatToF32(value, from, false);
    if (value->getType()->getScalarType()->isFloatingPointTy())
      return b.CreateFCmpUNE(value, floatLike(value, 0.0));
    return b.CreateICmpNE(value, intLike(value, 0));
  }
  if (isAnyFloat(from)) {
    if (isAnyFloat(to)) {
      // A power of two is rounded in one direction, for which the nearest f32 is the definition.
      bool narrow = to != DType::F32 && to != DType::F64 && to != DType::F8E8M0;
      if (from == DType::F64 && to == DType::F32)
        return converter.floatToF32(value, from, false);
      return converter.f32ToFloat(converter.floatToF32(value, from, narrow), to, saturate);
    }
    if (from != DType::F64)
      value = converter.floatToF32(value, from, false);
    return floatToInteger(e, value, to);
  }
  if (isAnyFloat(to))
    return integerToFloat(e, value, from, to);
  llvm::Type *type = typeLike(e.scalarType(to), value);
  return isSigned(from) ? b.CreateSExtOrTrunc(value, type) : b.CreateZExtOrTrunc(value, type);
}

} // namespace edgecc::native
