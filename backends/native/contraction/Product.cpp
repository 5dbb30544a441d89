#include "backends/native/contraction/Product.h"
#include "backends/native/contraction/Convert.h"

#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/IntrinsicsRISCV.h>
#include <llvm/IR/IntrinsicsX86.h>

using namespace llvm;

namespace edgecc::native {

Product Product::dot8(const NativeTarget &target) {
  assert(target.dot8);
  DType a = target.arch == Arch::X86_64 ? DType::U8 : DType::I8;
  return {Kind::Dot8, a, DType::I8, DType::I32, 4};
}

Product Product::integers16(const NativeTarget &target) {
  if (target.arch == Arch::RISCV64 && target.has("v"))
    return {Kind::Scalar16, DType::I16, DType::I16, DType::I32, 1};
  return wide16(target);
}

Product Product::wide16(const NativeTarget &target) {
  if (target.arch == Arch::X86_64)
    return {Kind::Pair16, DType::I16, DType::I16, DType::I32, 2};
  return {Kind::Wide16, DType::I16, DType::I16, DType::I32, 1};
}

bool Product::hasPairBF16(const NativeTarget &target) {
  return target.has("avx512bf16") && target.vectorBytes == 64;
}

Product Product::ofNibbles() const {
  Product out = *this;
  out.b = DType::I8;
  out.group *= 2;
  out.nibbles = true;
  return out;
}

bool Product::convertsColumns(DType type) {
  return type == DType::I8 || type == DType::I16 || type == DType::F16 || type == DType::BF16;
}

unsigned Product::maxLanes(const NativeTarget &target) const {
  unsigned lanes = target.lanes(static_cast<unsigned>(accumulatorBytes()));
  return kind == Kind::Scalar16 ? 2 * lanes : lanes;
}

std::string Product::str() const {
  static const char *const names[] = {"plain",  "dot8",   "matrix8",  "sums16",
                                      "pair16", "wide16", "scalar16", "pairbf16"};
  return std::string(names[static_cast<int>(kind)]) + ":" + std::string(edgecc::name(a)) + "*" +
         std::string(edgecc::name(b)) + (nibbles ? "/2>" : ">") +
         std::string(edgecc::name(accumulator)) + (block ? "*" + std::to_string(block) : "");
}

llvm::Value *loadSplatGroup(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                            unsigned lanes) {
  if (product.group == product.steps()) {
    llvm::Value *scalar = e.load(product.a, pointer);
    if (product.kind == Product::Kind::Scalar16)
      return scalar;
    if (product.kind == Product::Kind::Wide16)
      scalar = e.b.CreateSExt(scalar, e.b.getInt32Ty());
    return e.splat(scalar, lanes);
  }
  assert(product.stepBytesA() == 4);
  return e.splat(e.b.CreateAlignedLoad(e.b.getInt32Ty(), pointer, Align(1)), lanes);
}

llvm::Value *loadColumns(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                         unsigned lanes, unsigned active) {
  if (product.groupBytesB() < 4 && product.kind == Product::Kind::Plain)
    return loadElements(e, product.b, pointer, lanes, active);
  if (product.group == 1) {
    llvm::Value *vector = e.load(product.b, pointer, lanes, active);
    if (product.kind == Product::Kind::Wide16)
      vector = e.b.CreateSExt(vector, e.vectorType(DType::I32, lanes));
    return vector;
  }
  assert(active == lanes && "grouped columns are packed, hence padded");
  return e.b.CreateAlignedLoad(e.vectorType(DType::I32, lanes), pointer, Align(4));
}

llvm::Value *columnsOfStep(KernelEmitter &e, const Product &product, llvm::Value *columns,
                           unsigned step, unsigned lanes) {
  bool converts = product.kind == Product::Kind::Plain && product.b != product.accumulator;
  if (!product.nibbles)
    return converts ? convertElements(e, columns, product.b, product.accumulator, lanes) : columns;
  llvm::Type *words = e.vectorType(DType::I32, lanes);
  auto constant = [&](uint64_t value) { return ConstantInt::get(words, value); };
  bool isPlain = product.kind == Product::Kind::Plain;
  llvm::Value *bits = isPlain ? e.b.CreateZExt(columns, words) : columns;
  if (step == 1)
    bits = e.b.CreateLShr(bits, 4);
  if (isPlain) {
    if (step == 0)
      bits = e.b.CreateAnd(bits, constant(0xf));
    bits = e.b.CreateSub(bits, constant(8));
    return convertElements(e, bits, DType::I32, product.accumulator, lanes);
  }
  llvm::Type *bytes = e.vectorType(DType::I8, 4 * lanes);
  bits = e.b.CreateBitCast(e.b.CreateAnd(bits, constant(0x0f0f0f0f)), bytes);
  return e.b.CreateBitCast(e.b.CreateSub(bits, ConstantInt::get(bytes, 8)), words);
}

static Intrinsic::ID pick(unsigned lanes, Intrinsic::ID four, Intrinsic::ID eight,
                          Intrinsic::ID sixteen) {
  assert(lanes == 4 || lanes == 8 || lanes == 16);
  return lanes == 4 ? four : lanes == 8 ? eight : sixteen;
}

static llvm::Value *dot8(KernelEmitter &e, llvm::Value *a, llvm::Value *b, llvm::Value *sum,
                         unsigned lanes) {
  if (e.target.arch == Arch::X86_64) {
    Intrinsic::ID id = pick(lanes, Intrinsic::x86_avx512_vpdpbusd_128,
                            Intrinsic::x86_avx512_vpdpbusd_256, Intrinsic::x86_avx512_vpdpbusd_512);
    return e.b.CreateIntrinsic(id, {}, {sum, a, b});
  }
  assert(e.target.arch == Arch::AArch64 && lanes == 4);
  llvm::Type *bytes = e.vectorType(DType::I8, 16);
  return e.b.CreateIntrinsic(Intrinsic::aarch64_neon_sdot, {sum->getType(), bytes},
                             {sum, e.b.CreateBitCast(a, bytes), e.b.CreateBitCast(b, bytes)});
}

static llvm::Value *pair16(KernelEmitter &e, llvm::Value *a, llvm::Value *b, llvm::Value *sum,
                           unsigned lanes) {
  if (e.target.dot8) {
    Intrinsic::ID id = pick(lanes, Intrinsic::x86_avx512_vpdpwssd_128,
                            Intrinsic::x86_avx512_vpdpwssd_256, Intrinsic::x86_avx512_vpdpwssd_512);
    return e.b.CreateIntrinsic(id, {}, {sum, a, b});
  }
  llvm::Type *words = e.vectorType(DType::I16, 2 * lanes);
  Intrinsic::ID id = pick(lanes, Intrinsic::x86_sse2_pmadd_wd, Intrinsic::x86_avx2_pmadd_wd,
                          Intrinsic::x86_avx512_pmaddw_d_512);
  return e.b.CreateAdd(
      sum, e.b.CreateIntrinsic(id, {}, {e.b.CreateBitCast(a, words), e.b.CreateBitCast(b, words)}));
}

// Adds the product of the odd elements, then that of the even ones: see docs/numerics.md.
static llvm::Value *pairBF16(KernelEmitter &e, llvm::Value *a, llvm::Value *b, llvm::Value *sum,
                             unsigned lanes) {
  llvm::Type *halves = e.vectorType(DType::BF16, 2 * lanes);
  Intrinsic::ID id =
      pick(lanes, Intrinsic::x86_avx512bf16_dpbf16ps_128, Intrinsic::x86_avx512bf16_dpbf16ps_256,
           Intrinsic::x86_avx512bf16_dpbf16ps_512);
  return e.b.CreateIntrinsic(id, {},
                             {sum, e.b.CreateBitCast(a, halves), e.b.CreateBitCast(b, halves)});
}

// vwmacc.vx: a is a scalar. LLVM finds the instruction in a multiplication and an addition for some
// of a tile's rows only, so it is named. Vectors of fixed length are the first elements of scalable
// ones, which have `lanes` elements in the narrowest registers.
static llvm::Value *scalar16(KernelEmitter &e, llvm::Value *a, llvm::Value *b, llvm::Value *sum,
                             unsigned lanes) {
  constexpr unsigned kBlocks = 2; // of 64 bits, in a register of 128
  auto scalable = [&](llvm::Value *fixed) {
    auto *type = ScalableVectorType::get(cast<VectorType>(fixed->getType())->getElementType(),
                                         lanes / kBlocks);
    return e.b.CreateInsertVector(type, PoisonValue::get(type), fixed, e.b.getInt64(0));
  };
  llvm::Value *wideSum = scalable(sum), *columns = scalable(b);
  llvm::Value *next = e.b.CreateIntrinsic(
      Intrinsic::riscv_vwmacc,
      {wideSum->getType(), a->getType(), columns->getType(), e.b.getInt64Ty()},
      {wideSum, a, columns, e.i64(lanes), e.i64(3 /* what lies behind is undefined */)});
  return e.b.CreateExtractVector(sum->getType(), next, e.b.getInt64(0));
}

llvm::Value *multiplyAccumulate(KernelEmitter &e, const Product &product, llvm::Value *a,
                                llvm::Value *b, llvm::Value *accumulator, unsigned lanes) {
  switch (product.kind) {
  case Product::Kind::Dot8:
    return dot8(e, a, b, accumulator, lanes);
  case Product::Kind::Pair16:
    return pair16(e, a, b, accumulator, lanes);
  case Product::Kind::PairBF16:
    return pairBF16(e, a, b, accumulator, lanes);
  case Product::Kind::Scalar16:
    return scalar16(e, a, b, accumulator, lanes);
  case Product::Kind::Plain:
  case Product::Kind::Wide16:
    break;
  case Product::Kind::Matrix8:
  case Product::Kind::Sums16:
    llvm_unreachable("a part of a tile at once: see MatrixSums and PartialSums");
  }
  if (isFloat(product.accumulator))
    return e.multiplyAdd(a, b, accumulator);
  return e.b.CreateAdd(accumulator, e.b.CreateMul(a, b));
}

llvm::Value *zeroAccumulator(KernelEmitter &e, const Product &product, unsigned lanes) {
  return Constant::getNullValue(e.vectorType(product.accumulator, lanes));
}

} // namespace edgecc::native
