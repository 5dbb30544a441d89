// Element-wise ops on vectors in registers: the body of element-wise kernels and the epilogue of
// all others.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// Whether emitElementwise handles `op`.
bool isElementwiseEmittable(const Op &op);

// Whether operand `i` is read at places that depend on data (TableLookup's table): its "register"
// is then the pointer to its first element.
bool isPointerOperand(const Op &op, unsigned i);

// The result of an element-wise op for `lanes` elements whose operands (null where absent) are
// already in registers, each a vector of `lanes` elements (a scalar for 1 lane) of the operand's
// scalarType. f16 and bf16 compute in f32 and round after each op, as the reference does.
llvm::Value *emitElementwise(KernelEmitter &e, const Op &op, std::span<llvm::Value *const> operands,
                             unsigned lanes);

// Evaluates the element-wise ops of a Fused region. `known` maps values that are already in
// registers (the anchor's results); `leaf` loads an argument of the region that is needed.
// Returns the yielded values in order.
std::vector<llvm::Value *>
emitRegion(KernelEmitter &e, const Block &body, unsigned lanes,
           std::map<const Value *, llvm::Value *> known,
           const std::function<llvm::Value *(const Value &argument)> &leaf);

// Vectorised functions of f32 (any number of lanes). Error bounds are stated beside each
// definition and tested exhaustively or on a dense sample.
namespace math {
llvm::Value *exp(KernelEmitter &e, llvm::Value *x);
llvm::Value *expm1(KernelEmitter &e, llvm::Value *x); // exp(x) - 1
llvm::Value *log(KernelEmitter &e, llvm::Value *x);
llvm::Value *log1p(KernelEmitter &e, llvm::Value *x); // log(1 + x)
llvm::Value *tanh(KernelEmitter &e, llvm::Value *x);
llvm::Value *sigmoid(KernelEmitter &e, llvm::Value *x);
// factor x / (1 + exp(-alpha x))
llvm::Value *swish(KernelEmitter &e, llvm::Value *x, double alpha, double factor = 1);
llvm::Value *erf(KernelEmitter &e, llvm::Value *x);
llvm::Value *sin(KernelEmitter &e, llvm::Value *x);
llvm::Value *cos(KernelEmitter &e, llvm::Value *x);
llvm::Value *tan(KernelEmitter &e, llvm::Value *x);
llvm::Value *pow(KernelEmitter &e, llvm::Value *x, llvm::Value *y);
llvm::Value *asin(KernelEmitter &e, llvm::Value *x);
llvm::Value *acos(KernelEmitter &e, llvm::Value *x);
llvm::Value *atan(KernelEmitter &e, llvm::Value *x);
llvm::Value *sinh(KernelEmitter &e, llvm::Value *x);
llvm::Value *cosh(KernelEmitter &e, llvm::Value *x);
llvm::Value *asinh(KernelEmitter &e, llvm::Value *x);
llvm::Value *acosh(KernelEmitter &e, llvm::Value *x);
llvm::Value *atanh(KernelEmitter &e, llvm::Value *x);
llvm::Value *softplus(KernelEmitter &e, llvm::Value *x);
} // namespace math

} // namespace edgecc::native
