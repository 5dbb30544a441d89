#include "backends/native/contraction/Narrow.h"

#include <algorithm>

namespace edgecc::native {

static bool isByte(DType type) { return type == DType::I8 || type == DType::U8; }

static Dims integersOf(const Tensor &tensor) {
  Dims out;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    out.push_back(tensor.asInt(i));
  return out;
}

Expected<NarrowPlan> planNarrow(const NarrowOperands &in, const NativeTarget &target,
                                const std::string &location) {
  NarrowPlan plan;
  const Tensor *leftZero = constantOf(in.leftZero), *rightZero = constantOf(in.rightZero);
  if (in.leftZero && numElements(in.leftZero->dims()) != 1)
    return error("a zero point for each row of the left operand", location);
  plan.leftZeroAtRunTime = in.leftZero && !leftZero;
  plan.rightZeroAtRunTime = in.rightZero && (!rightZero || !in.rightConstant);
  int64_t zero = leftZero ? leftZero->asInt(0) : 0;
  if (rightZero)
    plan.rightZeros = integersOf(*rightZero);

  // Dot products of bytes want a right operand that is symmetric about zero as i8.
  int64_t symmetric = in.right == DType::U8 ? 128 : 0;
  bool isSymmetric = rightZero ? std::all_of(plan.rightZeros.begin(), plan.rightZeros.end(),
                                             [&](int64_t z) { return z == symmetric; })
                               : symmetric == 0;
  if (target.dot8 && in.rightConstant && isByte(in.left) && isByte(in.right) && isSymmetric &&
      !plan.leftZeroAtRunTime && !plan.rightZeroAtRunTime) {
    plan.product = Product::dot8(target);
    if (in.left != plan.product.a)
      plan.leftShift = in.left == DType::I8 ? 128 : -128;
    plan.leftPadding = zero + plan.leftShift;
    plan.leftCorrection = zero + plan.leftShift;
    return plan;
  }
  plan.leftShift = -zero;
  // Differences of bytes have nine bits, those of 16-bit elements seventeen.
  plan.product =
      isByte(in.left) && isByte(in.right) ? Product::wide16(target) : Product::plain(DType::I32);
  return plan;
}

} // namespace edgecc::native
