#include "backends/native/contraction/Convert.h"
#include "backends/native/elementwise/Numeric.h"

#include <llvm/IR/IntrinsicsX86.h>
#include <numeric>

namespace edgecc::native {

llvm::Value *convertElements(KernelEmitter &e, llvm::Value *value, DType from, DType to,
                             unsigned lanes) {
  if (from == to)
    return value;
  if (!isInteger(from) || !isInteger(to))
    return convert(e, value, from, to);
  llvm::Type *type = e.vectorType(to, lanes);
  if (bitWidth(to) <= bitWidth(from))
    return e.b.CreateTrunc(value, type);
  return isSigned(from) ? e.b.CreateSExt(value, type) : e.b.CreateZExt(value, type);
}

llvm::Value *roundToBF16(KernelEmitter &e, llvm::Value *value, unsigned lanes) {
  constexpr unsigned kLanes = 16;
  assert(lanes <= kLanes);
  llvm::Type *whole = e.vectorType(DType::F32, kLanes);
  llvm::SmallVector<int> first(lanes), all(kLanes, -1);
  std::iota(first.begin(), first.end(), 0);
  std::copy(first.begin(), first.end(), all.begin());
  if (lanes == 1)
    value = e.b.CreateInsertElement(llvm::PoisonValue::get(whole), value, e.i64(0));
  else if (lanes < kLanes)
    value = e.b.CreateShuffleVector(value, all);
  value = e.b.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_cvtneps2bf16_512, {}, {value});
  value = e.b.CreateBitCast(value, e.vectorType(DType::U16, kLanes));
  if (lanes == 1)
    return e.b.CreateExtractElement(value, e.i64(0));
  return lanes < kLanes ? e.b.CreateShuffleVector(value, first) : value;
}

// The element type whose bits move.
static DType bitsOf(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16 ? DType::U16 : dtype;
}

static llvm::Value *toBits(KernelEmitter &e, DType dtype, llvm::Value *value, unsigned lanes) {
  return bitsOf(dtype) == dtype ? value
                                : e.b.CreateBitCast(value, e.vectorType(bitsOf(dtype), lanes));
}

static llvm::Value *fromBits(KernelEmitter &e, DType dtype, llvm::Value *value, unsigned lanes) {
  return bitsOf(dtype) == dtype ? value : e.b.CreateBitCast(value, e.vectorType(dtype, lanes));
}

llvm::Value *loadElements(KernelEmitter &e, DType dtype, llvm::Value *pointer, unsigned lanes,
                          unsigned active) {
  return fromBits(e, dtype, e.load(bitsOf(dtype), pointer, lanes, active), lanes);
}

llvm::Value *splatElement(KernelEmitter &e, DType dtype, llvm::Value *pointer, unsigned lanes) {
  return fromBits(e, dtype, e.loadSplat(bitsOf(dtype), pointer, lanes), lanes);
}

void storeElements(KernelEmitter &e, DType dtype, llvm::Value *value, llvm::Value *pointer,
                   unsigned lanes, unsigned active) {
  e.store(bitsOf(dtype), toBits(e, dtype, value, lanes), pointer, lanes, active);
}

void scatterElements(KernelEmitter &e, DType dtype, llvm::Value *value, llvm::Value *pointer,
                     int64_t stride, unsigned lanes, unsigned active) {
  value = toBits(e, dtype, value, lanes);
  for (unsigned i = 0; i < active; ++i) {
    llvm::Value *scalar = lanes == 1 ? value : e.b.CreateExtractElement(value, e.i64(i));
    e.store(bitsOf(dtype), scalar, e.elementPointer(dtype, pointer, e.i64(i * stride)));
  }
}

llvm::Value *gatherElements(KernelEmitter &e, DType dtype, llvm::Value *pointer, int64_t stride,
                            unsigned lanes, unsigned active) {
  llvm::Value *vector = llvm::Constant::getNullValue(e.vectorType(bitsOf(dtype), lanes));
  for (unsigned i = 0; i < active; ++i) {
    llvm::Value *scalar =
        e.load(bitsOf(dtype), e.elementPointer(dtype, pointer, e.i64(i * stride)));
    vector = lanes == 1 ? scalar : e.b.CreateInsertElement(vector, scalar, e.i64(i));
  }
  return fromBits(e, dtype, vector, lanes);
}

} // namespace edgecc::native
