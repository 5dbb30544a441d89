// Scalar arithmetic on registers of any lane count that every kernel family shares: constants,
// rounding, NaN-aware extrema, conversions between all element types. Nothing here calls a library
// function, whatever the target.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// --- shapes of registers ---
unsigned lanesOf(const llvm::Value *value);
llvm::Type *withLanes(llvm::Type *scalar, unsigned lanes);
// The type of `scalar` with as many lanes as `shape` has.
llvm::Type *typeLike(llvm::Type *scalar, const llvm::Value *shape);
// A constant of the type of `shape` in all lanes.
llvm::Value *floatLike(const llvm::Value *shape, double value);
llvm::Value *intLike(const llvm::Value *shape, int64_t value);

// --- floats ---
llvm::Value *absolute(KernelEmitter &e, llvm::Value *x);
llvm::Value *copySign(KernelEmitter &e, llvm::Value *magnitude, llvm::Value *sign);
llvm::Value *squareRoot(KernelEmitter &e, llvm::Value *x);
llvm::Value *isNaN(KernelEmitter &e, llvm::Value *x);
// Integral values of a float; they keep NaN, infinities and the sign of zero.
llvm::Value *roundEven(KernelEmitter &e, llvm::Value *x);
llvm::Value *roundDown(KernelEmitter &e, llvm::Value *x);
llvm::Value *roundUp(KernelEmitter &e, llvm::Value *x);
llvm::Value *roundToZero(KernelEmitter &e, llvm::Value *x);
// coefficients[0] + coefficients[1] x + ... by Horner's rule.
llvm::Value *polynomial(KernelEmitter &e, llvm::Value *x, std::span<const double> coefficients);

// --- extrema and comparison in the meaning of an element type; NaN wins ---
llvm::Value *maximum(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b);
llvm::Value *minimum(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b);
llvm::Value *lessThan(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b);
llvm::Value *equalTo(KernelEmitter &e, DType dtype, llvm::Value *a, llvm::Value *b);

// --- element types ---
// The type that arithmetic on `dtype` happens in: f32 for f16 and bf16, else itself.
DType computeType(DType dtype);
// In the meaning of Cast.
llvm::Value *convert(KernelEmitter &e, llvm::Value *value, DType from, DType to,
                     bool saturate = true);
// In the meaning of Cast to an integer type, for values that are already integral.
llvm::Value *saturateToInteger(KernelEmitter &e, llvm::Value *value, DType to);
inline llvm::Value *toCompute(KernelEmitter &e, llvm::Value *value, DType dtype) {
  return convert(e, value, dtype, computeType(dtype));
}
inline llvm::Value *fromCompute(KernelEmitter &e, llvm::Value *value, DType dtype) {
  return convert(e, value, computeType(dtype), dtype);
}
// Lowest and highest value of the type that arithmetic happens in (infinite for floats).
llvm::Value *lowestValue(KernelEmitter &e, DType dtype, unsigned lanes);
llvm::Value *highestValue(KernelEmitter &e, DType dtype, unsigned lanes);
// Element `i` of a tensor as a constant in registers of its scalar type.
llvm::Constant *constantElement(KernelEmitter &e, const Tensor &tensor, int64_t i);

} // namespace edgecc::native
