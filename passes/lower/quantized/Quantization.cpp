#include "passes/lower/quantized/Quantized.h"

#include <cmath>

namespace edgecc::quantized {

numerics::IntegerRange Quantization::range() const {
  return numerics::integerRange(static_cast<int>(bitWidth(dtype)), isSigned(dtype));
}

std::optional<Quantization> quantizationOf(const Op &op) {
  bool quantizes = op.kind() == OpKind::QuantizeLinear;
  if (!quantizes && op.kind() != OpKind::DequantizeLinear)
    return std::nullopt;
  const Type &real = quantizes ? op.operand(0)->type : op.result()->type;
  const Type &stored = quantizes ? op.result()->type : op.operand(0)->type;
  const Tensor *scale = constantOf(op.operand(1));
  const Tensor *zero = constantOf(op.operand(2));
  bool isInteger16 =
      isInteger(stored.dtype) && bitWidth(stored.dtype) >= 8 && bitWidth(stored.dtype) <= 16;
  if (real.dtype != DType::F32 || !(isInteger16 || (!quantizes && stored.dtype == DType::I32)) ||
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

} // namespace edgecc::quantized
