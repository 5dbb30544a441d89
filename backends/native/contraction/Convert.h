// Element type conversions in registers.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// `value` (of scalarType(from) x lanes) in another type: floats round to nearest even, integers
// keep their low bits.
llvm::Value *convertElements(KernelEmitter &e, llvm::Value *value, DType from, DType to,
                             unsigned lanes);

// f32 lanes rounded to the nearest bf16, as 16-bit integers, by the instruction that products of
// pairs go with: denormals become zeros (docs/numerics.md). Needs Product::hasPairBF16.
llvm::Value *roundToBF16(KernelEmitter &e, llvm::Value *value, unsigned lanes);

// Loads and stores like KernelEmitter's. The bits of f16 and bf16 move as integers: vectors of
// these types cannot be taken apart on targets without arithmetic for them.
llvm::Value *loadElements(KernelEmitter &e, DType dtype, llvm::Value *pointer, unsigned lanes,
                          unsigned active);
llvm::Value *splatElement(KernelEmitter &e, DType dtype, llvm::Value *pointer, unsigned lanes);
void storeElements(KernelEmitter &e, DType dtype, llvm::Value *value, llvm::Value *pointer,
                   unsigned lanes, unsigned active);
// Lane i of `value` to pointer + i * stride elements, for the first `active` lanes.
void scatterElements(KernelEmitter &e, DType dtype, llvm::Value *value, llvm::Value *pointer,
                     int64_t stride, unsigned lanes, unsigned active);
llvm::Value *gatherElements(KernelEmitter &e, DType dtype, llvm::Value *pointer, int64_t stride,
                            unsigned lanes, unsigned active);

} // namespace edgecc::native
