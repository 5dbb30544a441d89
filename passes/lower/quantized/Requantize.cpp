// How integer arithmetic ends.
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <cmath>

namespace edgecc::quantized {

namespace {

// Bounds between Dequantize and Quantize. Quantisation is increasing, so that
//   q(min(max(x, low), high)) = min(max(q(x), q(low)), q(high)).
struct Bounded {
  Value *x;
  double low = -INFINITY, high = INFINITY;
};

// Takes one Relu or Clip with constant bounds off the value.
bool takeBound(Bounded &value) {
  const Op *op = value.x->definingOp();
  if (!op || !hasOneUser(value.x))
    return false;
  double low = -INFINITY, high = INFINITY;
  if (op->kind() == OpKind::Relu) {
    low = 0;
  } else if (op->kind() == OpKind::Clip) {
    const Tensor *a = constantOf(op->operand(1)), *b = constantOf(op->operand(2));
    if ((op->operand(1) && !a) || (op->operand(2) && !b))
      return false;
    low = a ? a->asDouble(0) : low;
    high = b ? b->asDouble(0) : high;
  } else {
    return false;
  }
  // The outer bounds, which came first, act last.
  value.low = std::min(std::max(low, value.low), value.high);
  value.high = std::min(std::max(high, value.low), value.high);
  value.x = op->operand(0);
  return true;
}

int64_t quantized(double real, const Quantization &to) {
  auto range = to.range();
  if (std::isinf(real))
    return real < 0 ? range.low : range.high;
  return numerics::quantizeLinear(static_cast<float>(real), to.scale(0), to.zeroPoint(0), range);
}

bool requantize(Module &module, Op *op) {
  if (op->kind() != OpKind::QuantizeLinear)
    return false;
  auto to = quantizationOf(*op);
  if (!to || !to->perTensor())
    return false;
  Bounded value{op->operand(0)};
  while (takeBound(value)) {
  }
  Op *dequantize = definedBy(value.x, OpKind::DequantizeLinear);
  auto from = dequantize && hasOneUser(value.x) ? quantizationOf(*dequantize) : std::nullopt;
  if (!from || from->dtype != DType::I32 ||
      std::ranges::any_of(from->zeroPoints, [](int32_t z) { return z != 0; }))
    return false;
  Tensor multiplier(DType::F32, {static_cast<int64_t>(from->scales.size())});
  for (size_t c = 0; c < from->scales.size(); ++c)
    multiplier.setDouble(static_cast<int64_t>(c), double{from->scale(c)} / double{to->scale(0)});
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *m =
      builder.constant(from->perTensor() ? multiplier.reshaped({}) : multiplier, "multiplier");
  int64_t low = quantized(value.low, *to), high = quantized(value.high, *to);
  Value *result = builder.create(OpKind::Requantize, {dequantize->operand(0), m},
                                 {{"zero_point", int64_t{to->zeroPoint(0)}},
                                  {"axis", from->perTensor() ? int64_t{1} : from->axis},
                                  {"low", low},
                                  {"high", high},
                                  {"to", to->dtype}});
  result->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(result);
  std::string locations = eraseWithDeadOperands(op);
  result->definingOp()->location = std::move(locations);
  return true;
}

} // namespace

int64_t mergeRequantize(Module &module, Block &block) {
  int64_t merged = 0;
  for (Op *op : block.snapshot())
    merged += requantize(module, op) ? 1 : 0;
  return merged;
}

} // namespace edgecc::quantized
