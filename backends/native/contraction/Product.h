// How elements of the two operands of a contraction are multiplied and summed in vector lanes.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// One multiply-accumulate takes `group` consecutive reduction elements of each operand, so that
// lane c gains sum_g a[k + g] * b[k + g][c]. Integer sums are exact; float sums are in order of k,
// but for pairs, of which the second element is added first.
struct Product {
  enum class Kind : uint8_t {
    Plain,    // one element in the accumulator's type
    Dot8,     // four 8-bit elements into i32: vpdpbusd (u8 x i8), sdot (i8 x i8)
    Matrix8,  // eight 8-bit elements of two rows and of two columns at once into i32: smmla
    Sums16,   // sixteen 8-bit elements into i32 by way of i16: smull, smlal2, sadalp
    Pair16,   // two 16-bit elements into i32: pmaddwd, vpdpwssd
    Wide16,   // one 16-bit element, extended to i32
    Scalar16, // the same, where the left operand stays in a scalar register: RISC-V's vwmacc.vx
    PairBF16, // two bf16 elements into f32: vdpbf16ps
  };
  Kind kind = Kind::Plain;
  DType a = DType::F32; // element type of the left operand as the micro-kernel reads it
  // Of the packed right operand. Plain products in f32 convert narrower elements in registers.
  DType b = DType::F32;
  DType accumulator = DType::F32;
  unsigned group = 1;
  // The packed right operand holds two elements, each plus 8, in a byte: in the low nibbles the
  // first half of a group, in the high ones the second half. A group is then two steps.
  bool nibbles = false;
  // Plain products in f32: in front of every `block` elements of the innermost loop, the packed
  // right operand has a row of f32 factors, one for each column; 0: none.
  int64_t block = 0;

  static Product plain(DType type) { return {Kind::Plain, type, type, type, 1}; }
  static Product dot8(const NativeTarget &target);
  // Where the right operand has no -128, so that the sum of two products fits in 16 bits: for
  // AArch64 without dot products.
  static Product sums16() { return {Kind::Sums16, DType::I8, DType::I8, DType::I32, 16}; }
  // Where the target has i8mm.
  static Product matrix8() { return {Kind::Matrix8, DType::I8, DType::I8, DType::I32, 8}; }
  // 16-bit elements, for matrix products: Pair16 or Scalar16 where there is an instruction for it,
  // else Wide16.
  static Product integers16(const NativeTarget &target);
  // Of two vectors.
  static Product wide16(const NativeTarget &target);

  // Where hasPairBF16.
  static Product pairBF16() { return {Kind::PairBF16, DType::BF16, DType::BF16, DType::F32, 2}; }
  static bool hasPairBF16(const NativeTarget &target);

  int64_t accumulatorBytes() const { return bitWidth(accumulator) / 8; }
  // Bytes of one group of the left operand, or of one lane of the right one.
  int64_t groupBytesA() const { return group * (bitWidth(a) / 8); }
  int64_t groupBytesB() const { return group * (bitWidth(b) / 8) / steps(); }
  // Multiply-accumulates for each group.
  unsigned steps() const { return nibbles ? 2 : 1; }
  int64_t stepBytesA() const { return groupBytesA() / steps(); }

  // The same product of 4-bit right operands.
  Product ofNibbles() const;
  // Whether loadColumns reads a right operand of `type`, in a product that is Plain in f32.
  static bool convertsColumns(DType type);
  // Lanes of the widest vector of sums. Widening instructions fill two registers at once.
  unsigned maxLanes(const NativeTarget &target) const;
  std::string str() const;
};

// The elements of one step at `pointer`, repeated in all lanes (Scalar16: not repeated).
llvm::Value *loadSplatGroup(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                            unsigned lanes);

// The right operand of `lanes` columns, of which the first `active` may be read, for one group.
llvm::Value *loadColumns(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                         unsigned lanes, unsigned active);

// The part of it that `step` multiplies with.
llvm::Value *columnsOfStep(KernelEmitter &e, const Product &product, llvm::Value *columns,
                           unsigned step, unsigned lanes);

// accumulator + a * b, for one step.
llvm::Value *multiplyAccumulate(KernelEmitter &e, const Product &product, llvm::Value *a,
                                llvm::Value *b, llvm::Value *accumulator, unsigned lanes);

// A zero accumulator.
llvm::Value *zeroAccumulator(KernelEmitter &e, const Product &product, unsigned lanes);

} // namespace edgecc::native
