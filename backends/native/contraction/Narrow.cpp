#include "backends/native/contraction/Narrow.h"

#include <algorithm>

namespace edgecc::native {

static bool isByte(DType type) { return type == DType::I8 || type == DType::U8; }
static bool isByteOrNibble(DType type) { return isInteger(type) && bitWidth(type) <= 8; }

static bool allBetween(const Tensor &tensor, int64_t low, int64_t high) {
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (tensor.asInt(i) < low || tensor.asInt(i) > high)
      return false;
  return true;
}

bool usesBF16Products(const PlanContext &context) {
  return context.algorithms.bf16Products && Product::hasPairBF16(context.target);
}

Product floatProduct(DType left, const Tensor *right, bool even, int64_t block, bool pairs) {
  Product product = Product::plain(left == DType::F64 ? DType::F64 : DType::F32);
  if (!right || product.accumulator != DType::F32)
    return product;
  DType type = right->dtype();
  if (pairs && type == DType::BF16 && left != DType::F16 && block == 0)
    return Product::pairBF16();
  product.block = block;
  if (isSubByte(type) && even && block % 2 == 0 && allBetween(*right, -8, 7))
    return product.ofNibbles();
  if (isSubByte(type))
    product.b = DType::I8;
  else if (Product::convertsColumns(type))
    product.b = type;
  return product;
}

static Dims integersOf(const Tensor &tensor) {
  Dims out;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    out.push_back(tensor.asInt(i));
  return out;
}

bool prefersSums16(int64_t run, const NativeTarget &target) {
  // Instructions for four columns: 12 products and additions for 16 elements, or two for each.
  constexpr int64_t kGroup = 16, kPerGroup = 13, kPerElement = 2;
  return target.arch == Arch::AArch64 && !target.dot8 &&
         (run + kGroup - 1) / kGroup * kPerGroup < run * kPerElement;
}

static bool usesSums16(const NarrowOperands &in, const NativeTarget &target) {
  if (!in.rightElements || !prefersSums16(in.run, target))
    return false;
  if (in.right == DType::U8)
    return allBetween(*in.rightElements, 1, 255); // less 128
  return in.right == DType::I8 && allBetween(*in.rightElements, -127, 127);
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

  // Dot products of bytes want a right operand that is symmetric about zero as i8; nibbles minus
  // their zero point fit in any case.
  int64_t symmetric = in.right == DType::U8 ? 128 : 0;
  bool isSymmetric = rightZero ? std::all_of(plan.rightZeros.begin(), plan.rightZeros.end(),
                                             [&](int64_t z) { return z == symmetric; })
                               : symmetric == 0;
  isSymmetric = isSymmetric || isSubByte(in.right);
  bool sums16 = usesSums16(in, target);
  if ((target.dot8 || sums16) && in.rightConstant && isByte(in.left) && isByteOrNibble(in.right) &&
      isSymmetric && !plan.leftZeroAtRunTime && !plan.rightZeroAtRunTime) {
    plan.product = sums16 ? Product::sums16() : Product::dot8(target);
    bool isSigned4 =
        in.right == DType::I4 && std::all_of(plan.rightZeros.begin(), plan.rightZeros.end(),
                                             [](int64_t z) { return z == 0; });
    bool isShifted4 = in.right == DType::U4 && rightZero &&
                      std::all_of(plan.rightZeros.begin(), plan.rightZeros.end(),
                                  [](int64_t z) { return z == 8; });
    if (!sums16 && (isSigned4 || isShifted4))
      plan.product = plan.product.ofNibbles();
    if (in.left != plan.product.a)
      plan.leftShift = in.left == DType::I8 ? 128 : -128;
    plan.leftPadding = zero + plan.leftShift;
    plan.leftCorrection = zero + plan.leftShift;
    return plan;
  }
  // 16-bit elements as signed ones, with the rest of the zero point corrected afterwards.
  bool isSmall = isByteOrNibble(in.right) || (in.right == DType::I16 && plan.rightZeros.empty());
  int64_t shift = in.left == DType::U16 ? -32768 : 0;
  if (bitWidth(in.left) == 16 && isSmall && !plan.leftZeroAtRunTime && !plan.rightZeroAtRunTime &&
      (in.rightConstant || zero + shift == 0)) {
    plan.product = Product::integers16(target);
    plan.leftShift = shift;
    plan.leftPadding = plan.leftCorrection = zero + shift;
    return plan;
  }
  plan.leftShift = -zero;
  // Differences of bytes have nine bits, those of 16-bit elements seventeen.
  plan.product = isByte(in.left) && isByteOrNibble(in.right) ? Product::integers16(target)
                                                             : Product::plain(DType::I32);
  return plan;
}

} // namespace edgecc::native
