#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <cmath>

namespace edgecc::quantized {

numerics::IntegerRange Quantization::range() const {
  return numerics::integerRange(static_cast<int>(bitWidth(dtype)), isSigned(dtype));
}

int64_t Quantization::reach(size_t i) const {
  auto [low, high] = range();
  return std::max(int64_t{high} - zeroPoint(i), int64_t{zeroPoint(i)} - low);
}

bool isNarrow(DType dtype) {
  return isInteger(dtype) && (bitWidth(dtype) == 8 || bitWidth(dtype) == 16);
}

std::optional<Quantization> quantizationOf(const Op &op) {
  bool quantizes = op.kind() == OpKind::QuantizeLinear;
  if (!quantizes && op.kind() != OpKind::DequantizeLinear)
    return std::nullopt;
  const Type &real = quantizes ? op.operand(0)->type : op.result()->type;
  const Type &stored = quantizes ? op.result()->type : op.operand(0)->type;
  const Tensor *scale = constantOf(op.operand(1));
  const Tensor *zero = constantOf(op.operand(2));
  bool isQuantized = isInteger(stored.dtype) && bitWidth(stored.dtype) <= 16;
  if (real.dtype != DType::F32 || !(isQuantized || (!quantizes && stored.dtype == DType::I32)) ||
      op.integer("block_size") != 0 || !scale || scale->dtype() != DType::F32 ||
      (op.operand(2) && !zero))
    return std::nullopt;
  Quantization out;
  out.dtype = stored.dtype;
  out.axis = scale->elements() == 1 ? 0 : op.integer("axis");
  for (int64_t i = 0; i < scale->elements(); ++i) {
    auto value = static_cast<float>(scale->asDouble(i));
    if (!(value > 0) || !std::isfinite(value))
      return std::nullopt;
    out.scales.push_back(value);
    out.zeroPoints.push_back(zero ? static_cast<int32_t>(zero->asInt(i)) : 0);
  }
  return out;
}

std::optional<Quantization> dequantizedFrom(const Value *value) {
  const Op *op = definedBy(value, OpKind::DequantizeLinear);
  return op ? quantizationOf(*op) : std::nullopt;
}

Value *dequantize(Builder &builder, Value *x, const std::vector<float> &scales, int64_t axis,
                  Value *zeroPoint) {
  Tensor scale = vectorOf(DType::F32, scales);
  bool isScalar = scales.size() == 1;
  Value *operand = builder.constant(isScalar ? scale.reshaped({}) : scale, "scale");
  return builder.create(OpKind::DequantizeLinear, {x, operand, zeroPoint},
                        {{"axis", isScalar ? int64_t{0} : axis}, {"to", DType::F32}});
}

Value *zeroPointOperand(Builder &builder, const Quantization &q) {
  if (std::ranges::all_of(q.zeroPoints, [](int32_t z) { return z == 0; }))
    return nullptr;
  bool same =
      std::ranges::all_of(q.zeroPoints, [&](int32_t z) { return z == q.zeroPoints.front(); });
  Tensor content = vectorOf(q.dtype, same ? std::vector{q.zeroPoints.front()} : q.zeroPoints);
  return builder.constant(same ? content.reshaped({}) : content, "zero_point");
}

} // namespace edgecc::quantized
