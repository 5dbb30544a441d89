// How elements of the two operands of a contraction are multiplied and summed in vector lanes.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

// One multiply-accumulate takes `group` consecutive reduction elements of each operand, so that
// lane c gains sum_g a[k + g] * b[k + g][c]. Integer sums are exact; float sums are in order of k.
struct Product {
  enum class Kind : uint8_t {
    Plain,  // one element in the accumulator's type
    Dot8,   // four 8-bit elements into i32: vpdpbusd (u8 x i8), sdot (i8 x i8)
    Pair16, // two 16-bit elements into i32: pmaddwd, vpdpwssd
    Wide16, // one 16-bit element, extended to i32
  };
  Kind kind = Kind::Plain;
  DType a = DType::F32; // element type of the left operand as the micro-kernel reads it
  DType b = DType::F32; // of the packed right operand
  DType accumulator = DType::F32;
  unsigned group = 1;

  static Product plain(DType type) { return {Kind::Plain, type, type, type, 1}; }
  static Product dot8(const NativeTarget &target);
  static Product wide16(const NativeTarget &target); // Pair16 where there is an instruction for it

  int64_t accumulatorBytes() const { return bitWidth(accumulator) / 8; }
  // Bytes of one group of the left operand, or of one lane of the right one.
  int64_t groupBytesA() const { return group * (bitWidth(a) / 8); }
  int64_t groupBytesB() const { return group * (bitWidth(b) / 8); }
  std::string str() const;
};

// `group` elements at `pointer`, repeated in all lanes.
llvm::Value *loadSplatGroup(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                            unsigned lanes);

// The right operand of `lanes` columns, of which the first `active` may be read.
llvm::Value *loadColumns(KernelEmitter &e, const Product &product, llvm::Value *pointer,
                         unsigned lanes, unsigned active);

// accumulator + a * b.
llvm::Value *multiplyAccumulate(KernelEmitter &e, const Product &product, llvm::Value *a,
                                llvm::Value *b, llvm::Value *accumulator, unsigned lanes);

// A zero accumulator.
llvm::Value *zeroAccumulator(KernelEmitter &e, const Product &product, unsigned lanes);

} // namespace edgecc::native
