// Products of narrow integers: which instruction, and how zero points are taken care of.
#pragma once

#include "backends/native/contraction/Direct.h"
#include "backends/native/contraction/Operands.h"

namespace edgecc::native {

// Zero points of the operands of an integer contraction. Constant ones are folded into the packed
// operands; those known at run time only are subtracted when operands are staged and gathered.
struct NarrowOperands {
  DType left, right;
  const Value *leftZero = nullptr;  // scalar
  const Value *rightZero = nullptr; // scalar, or one for each column
  bool rightConstant = false;
  // For products that need to know the constant's elements; null: not to be used.
  const Tensor *rightElements = nullptr;
  int64_t run = 0; // consecutive elements of the reduction
};

struct NarrowPlan {
  Product product;
  int64_t leftShift = 0, leftPadding = 0;
  bool leftZeroAtRunTime = false;
  Dims rightZeros; // constant zero points to subtract
  bool rightZeroAtRunTime = false;
  // accumulator - leftCorrection * (sum of the packed right column) is the wanted sum.
  int64_t leftCorrection = 0;
};

// Whether bf16 weights are multiplied as pairs by activations rounded to bf16.
bool usesBF16Products(const PlanContext &context);

// A product in f32 with a right operand of `right`, which is converted when it is packed or, if it
// is constant and narrower, in registers. `even`: the reduction has runs of even length.
// `block`: elements of the reduction that share a factor; 0: no factors.
// `pairs`: see usesBF16Products.
Product floatProduct(DType left, const Tensor *right, bool even, int64_t block, bool pairs);

// Whether Product::sums16 takes fewer instructions than integers16, in runs of that length.
bool prefersSums16(int64_t run, const NativeTarget &target);

Expected<NarrowPlan> planNarrow(const NarrowOperands &operands, const NativeTarget &target,
                                const std::string &location);

} // namespace edgecc::native
