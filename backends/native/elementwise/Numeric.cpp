#include "backends/native/elementwise/Numeric.h"

#include "ir/Tensor.h"

#include <cstring>
#include <llvm/IR/Intrinsics.h>

namespace edgecc::native {

// --- shapes of registers ---

unsigned lanesOf(const llvm::Value *value) {
  auto *vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? vector->getNumElements() : 1;
}

llvm::Type *withLanes(llvm::Type *scalar, unsigned lanes) {
  return lanes == 1 ? scalar : llvm::FixedVectorType::get(scalar, lanes);
}

llvm::Type *typeLike(llvm::Type *scalar, const llvm::Value *shape) {
  return withLanes(scalar, lanesOf(shape));
}

llvm::Value *floatLike(const llvm::Value *shape, double value) {
  return llvm::ConstantFP::get(shape->getType(), value);
}

llvm::Value *intLike(const llvm::Value *shape, int64_t value) {
  return llvm::ConstantInt::get(shape->getType(), static_cast<uint64_t>(value), true);
}

// --- floats ---

llvm::Value *absolute(KernelEmitter &e, llvm::Value *x) {
  return e.b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
}

llvm::Value *copySign(KernelEmitter &e, llvm::Value *magnitude, llvm::Value *sign) {
  return e.b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign);
}

llvm::Value *squareRoot(KernelEmitter &e, llvm::Value *x) {
  return e.b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x);
}

llvm::Value *isNaN(KernelEmitter &e, llvm::Value *x) { return e.b.CreateFCmpUNO(x, x); }

// Instructions that round to an integral float; SSE2 has none, and LLVM would call the C library.
static bool hasRounding(const KernelEmitter &e) {
  return e.target.arch != Arch::X86_64 || e.target.has("sse4.1") || e.target.has("avx");
}

llvm::Value *roundEven(KernelEmitter &e, llvm::Value *x) {
  if (hasRounding(e))
    return e.b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x);
  // Adding 2^23 (2^52) leaves no room for a fraction; larger values are integral already.
  double noFraction = x->getType()->getScalarType()->isDoubleTy() ? 0x1p52 : 0x1p23;
  llvm::Value *big = floatLike(x, noFraction), *a = absolute(e, x);
  llvm::Value *rounded = copySign(e, e.b.CreateFSub(e.b.CreateFAdd(a, big), big), x);
  return e.b.CreateSelect(e.b.CreateFCmpOLT(a, big), rounded, x);
}

llvm::Value *roundDown(KernelEmitter &e, llvm::Value *x) {
  if (hasRounding(e))
    return e.b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x);
  llvm::Value *near = roundEven(e, x);
  llvm::Value *low =
      e.b.CreateSelect(e.b.CreateFCmpOGT(near, x), e.b.CreateFSub(near, floatLike(x, 1.0)), near);
  return copySign(e, low, x);
}

llvm::Value *roundUp(KernelEmitter &e, llvm::Value *x) {
  return e.b.CreateFNeg(roundDown(e, e.b.CreateFNeg(x)));
}

llvm::Value *roundToZero(KernelEmitter &e, llvm::Value *x) {
  return copySign(e, roundDown(e, absolute(e, x)), x);
}

llvm::Value *polynomial(KernelEmitter &e, llvm::Value *x, std::span<const double> coefficients) {
  llvm::Value *value = floatLike(x, coefficients.back());
  for (size_t i = coefficients.size() - 1; i-- > 0;)
    value = e.multiplyAdd(value, x, floatLike(x, coefficients[i]));
  return value;
}

// --- extrema and comparison ---

static bool isFloatValue(const llvm::Value *x) {
  return x->getType()->getScalarType()->isFloatingPointTy();
}

static llvm::Value *extremum(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b,
                             bool larger) {
  llvm::Value *takeA;
  if (isFloatValue(a))
    takeA = e.b.CreateOr(larger ? e.b.CreateFCmpOGT(a, b) : e.b.CreateFCmpOLT(a, b), isNaN(e, a));
  else
    takeA = larger ? lessThan(e, dtype, b, a) : lessThan(e, dtype, a, b);
  return e.b.CreateSelect(takeA, a, b);
}

llvm::Value *maximum(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b) {
  return extremum(e, dtype, a, b, true);
}

llvm::Value *minimum(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b) {
  return extremum(e, dtype, a, b, false);
}

llvm::Value *lessThan(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b) {
  if (isFloatValue(a))
    return e.b.CreateFCmpOLT(a, b);
  return isSigned(dtype) ? e.b.CreateICmpSLT(a, b) : e.b.CreateICmpULT(a, b);
}

llvm::Value *equalTo(KernelEmitter &e, DType, llvm::Value *a, llvm::Value *b) {
  return isFloatValue(a) ? e.b.CreateFCmpOEQ(a, b) : e.b.CreateICmpEQ(a, b);
}

// --- element types ---

DType computeType(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16 ? DType::F32 : dtype;
}

llvm::Value *lowestValue(KernelEmitter &e, DType dtype, unsigned lanes) {
  llvm::Type *type = e.vectorType(computeType(dtype), lanes);
  if (isFloat(dtype))
    return llvm::ConstantFP::getInfinity(type, true);
  if (!isSigned(dtype))
    return llvm::Constant::getNullValue(type);
  return llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bitWidth(dtype)));
}

llvm::Value *highestValue(KernelEmitter &e, DType dtype, unsigned lanes) {
  llvm::Type *type = e.vectorType(computeType(dtype), lanes);
  if (isFloat(dtype))
    return llvm::ConstantFP::getInfinity(type);
  if (!isSigned(dtype))
    return llvm::Constant::getAllOnesValue(type);
  return llvm::ConstantInt::get(type, llvm::APInt::getSignedMaxValue(bitWidth(dtype)));
}

llvm::Constant *constantElement(KernelEmitter &e, const Tensor &tensor, int64_t i) {
  DType dtype = tensor.dtype();
  llvm::Type *type = e.scalarType(dtype);
  const auto *bytes = reinterpret_cast<const uint8_t *>(tensor.raw());
  unsigned width = bitWidth(dtype);
  uint64_t bits = 0;
  if (width < 8)
    bits = (bytes[i / 2] >> (i % 2 * 4)) & 0xf;
  else
    std::memcpy(&bits, bytes + static_cast<size_t>(i) * (width / 8), width / 8);
  if (dtype == DType::Bool)
    return e.b.getInt1(bits != 0);
  llvm::APInt pattern(width, bits);
  if (type->isFloatingPointTy())
    return llvm::ConstantFP::get(type, llvm::APFloat(type->getFltSemantics(), pattern));
  return llvm::ConstantInt::get(type, pattern);
}

} // namespace edgecc::native
