// The parts of emitElementwise, by kind of arithmetic.
#pragma once

#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"

namespace edgecc::native {

using Operands = std::span<llvm::Value *const>;

// Floating-point ops on registers of the compute type (f32 or f64). The result is in that type too,
// or bool for predicates.
bool isFloatOp(OpKind kind);
llvm::Value *emitFloatOp(KernelEmitter &e, const Op &op, Operands x);

// Integer ops on registers of the element type `dtype`.
bool isIntegerOp(OpKind kind);
llvm::Value *emitIntegerOp(KernelEmitter &e, const Op &op, Operands x, DType dtype);

// QuantizeLinear, DequantizeLinear, Requantize, TableLookup on registers of the operands' types.
bool isQuantizedOp(OpKind kind);
llvm::Value *emitQuantizedOp(KernelEmitter &e, const Op &op, Operands x, unsigned lanes);

// dequantize(requantize(...)) with the same zero point, without the integer in between; null if the
// zero points differ or are not known. `x` are Requantize's operands, `scale` and `zeroPoint` (may
// be null) those of the DequantizeLinear.
llvm::Value *emitRequantizedReal(KernelEmitter &e, const Op &requantize, Operands x,
                                 llvm::Value *scale, llvm::Value *zeroPoint, unsigned lanes);

// quantize(swish(x)) to 8 bits with one division; null if the scale is not known. `operands` are
// those of `quantize`, but for the first one, which is `swish`'s.
llvm::Value *emitQuantizedSwish(KernelEmitter &e, const Op &quantize, const Op &swish,
                                Operands operands, unsigned lanes);

// clamp(rne(real) + zeroPoint, low, high) in 8 bits.
struct ByteRange {
  int64_t zeroPoint, low, high;
  bool isSigned;
  bool isBounded = false; // every number is below 2^31
};
// Whether roundToBytes has instructions for `lanes` elements.
bool canRoundToBytes(const NativeTarget &target, unsigned lanes);
// f32 to bytes; NaN gives `low`. Cheapest for four vectors at a time.
llvm::Value *roundToBytes(KernelEmitter &e, llvm::Value *real, const ByteRange &range);

// Whether lookUpBytes has instructions for `lanes` elements.
bool canLookUpBytes(const NativeTarget &target, unsigned lanes);
// Element i is byte index[i] of the 256 at `table`.
llvm::Value *lookUpBytes(KernelEmitter &e, llvm::Value *table, llvm::Value *index);

// Calls a freestanding C function of f64 arguments (support/Math.c) for every lane.
llvm::Value *callScalar(KernelEmitter &e, const char *function, Operands x);

// exp, log and pow in f32 or f64, by the type of x.
llvm::Value *expOf(KernelEmitter &e, llvm::Value *x);
llvm::Value *logOf(KernelEmitter &e, llvm::Value *x);
llvm::Value *powOf(KernelEmitter &e, llvm::Value *x, llvm::Value *y);

} // namespace edgecc::native
