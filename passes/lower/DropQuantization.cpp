// For machines that compute in floating point alone: a pair of QuantizeLinear and DequantizeLinear
// becomes what it does to real numbers apart from rounding, a Clip to the range of its integers.
//
//   dequantize(quantize(x)) = clip(x, (low - z) s, (high - z) s) up to s / 2
//
// Quantised weights become floating-point constants when `fold{dequantize=true}` runs. Networks
// whose activation functions live in the ranges alone (ReLU6 as a scale) keep their meaning.
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include "runtime/numerics/Quantize.h"

namespace edgecc {

namespace {

// The range of real numbers that a scalar quantisation holds; none if it is not one.
std::optional<std::pair<double, double>> rangeOf(const Op &quantize) {
  const Tensor *scale = constantOf(quantize.operand(1));
  const Tensor *zero = constantOf(quantize.operand(2));
  DType type = quantize.result()->type.dtype;
  if (!scale || scale->elements() != 1 || (quantize.operand(2) && !zero) || !isInteger(type) ||
      bitWidth(type) > 16)
    return std::nullopt;
  auto range = numerics::integerRange(static_cast<int>(bitWidth(type)), isSigned(type));
  double s = scale->asDouble(0), z = zero ? zero->asDouble(0) : 0;
  return std::pair((range.low - z) * s, (range.high - z) * s);
}

bool sameConstant(const Value *a, const Value *b) {
  const Tensor *x = constantOf(a), *y = constantOf(b);
  return (!a && !b) || (x && y && *x == *y);
}

} // namespace

Expected<void> dropQuantization(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::DequantizeLinear)
          continue;
        Op *quantize = definedBy(op->operand(0), OpKind::QuantizeLinear);
        if (!quantize || quantize->operand(0)->type.dtype != op->result()->type.dtype ||
            !sameConstant(quantize->operand(1), op->operand(1)) ||
            !sameConstant(quantize->operand(2), op->operand(2)))
          continue;
        auto range = rangeOf(*quantize);
        if (!range || constantOf(quantize->operand(0)))
          continue;
        Builder builder(module);
        builder.location = op->location;
        builder.setInsertionBefore(op);
        DType type = op->result()->type.dtype;
        Value *clipped =
            builder.create(OpKind::Clip, {quantize->operand(0), builder.scalar(type, range->first),
                                          builder.scalar(type, range->second)});
        replaceOp(op, clipped);
        context.statistics.add("quantisations as clips");
      }
    });
  return {};
}

} // namespace edgecc
