// Layers that compute on reals with quantised weights. The weights stay integers in the file and
// become reals in registers:
//   sum x (w - z) s[c] = (sum x d) s[c],   d = w - z as the narrowest integer that holds it
// Scales of blocks along the reduction multiply d before x does.
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>

namespace edgecc::quantized {

namespace {

std::optional<DType> narrowestFor(int64_t low, int64_t high) {
  for (DType type : {DType::I4, DType::I8, DType::I16}) {
    int64_t half = int64_t{1} << (bitWidth(type) - 1);
    if (low >= -half && high < half)
      return type;
  }
  return std::nullopt;
}

// The weights minus their zero points; `axis` is that of the zero points.
std::optional<Tensor> centred(const Tensor &weights, const Quantization &q) {
  int64_t inner = 1;
  for (size_t i = static_cast<size_t>(q.axis) + 1; i < weights.rank(); ++i)
    inner *= weights.dims()[i];
  auto count = static_cast<int64_t>(q.zeroPoints.size());
  std::vector<int64_t> values(static_cast<size_t>(weights.elements()));
  for (int64_t i = 0; i < weights.elements(); ++i)
    values[static_cast<size_t>(i)] =
        weights.asInt(i) - q.zeroPoints[static_cast<size_t>(i / inner % count)];
  auto [low, high] = std::ranges::minmax(values);
  auto type = narrowestFor(low, high);
  if (!type || (bitWidth(*type) > 8 && bitWidth(weights.dtype()) <= 8))
    return std::nullopt;
  Tensor out(*type, weights.dims());
  for (int64_t i = 0; i < weights.elements(); ++i)
    out.setDouble(i, static_cast<double>(values[static_cast<size_t>(i)]));
  return out;
}

// Where the channels of the result lie in the weights, and in the result.
std::optional<std::pair<int64_t, int64_t>> channelAxes(const Op &op) {
  if (op.numOperands() < 2 || !op.operand(1) || op.numResults() == 0)
    return std::nullopt;
  auto rank = static_cast<int64_t>(op.operand(1)->type.rank());
  auto last = static_cast<int64_t>(op.result()->type.rank()) - 1;
  switch (op.kind()) {
  case OpKind::Conv:
    return std::pair<int64_t, int64_t>{0, 1};
  case OpKind::MatMul:
    return std::pair{rank - 1, last};
  case OpKind::Gemm:
    return std::pair<int64_t, int64_t>{op.flag("transB") ? 0 : 1, last};
  default:
    return std::nullopt;
  }
}

Value *scaleAlong(Builder &builder, const Op &op, const Quantization &q, int64_t axis) {
  Tensor scale = vectorOf(DType::F32, q.scales);
  if (q.perTensor())
    return builder.constant(scale.reshaped({}), "scale");
  Dims shape(op.result()->type.rank() - static_cast<size_t>(axis), 1);
  shape[0] = scale.elements();
  return builder.constant(scale.reshaped(shape), "scale");
}

Value *withBias(Builder &builder, const Op &op, Value *y) {
  Value *bias = op.kind() == OpKind::MatMul ? nullptr : op.operand(2);
  if (!bias)
    return y;
  if (op.kind() == OpKind::Conv) {
    Dims shape(op.result()->type.rank() - 1, 1);
    shape[0] = bias->type.elements();
    bias = builder.create(OpKind::Reshape, {bias}, {{"shape", shape}});
  } else if (op.real("beta") != 1) {
    bias = builder.create(OpKind::Mul, {bias, builder.scalar(DType::F32, op.real("beta"))});
  }
  return builder.create(OpKind::Add, {y, bias});
}

// The elements of a matrix along the other axis first.
Tensor transposed(const Tensor &x) {
  Tensor out(x.dtype(), {x.dims()[1], x.dims()[0]});
  for (int64_t i = 0; i < x.elements(); ++i)
    out.setDouble(i % x.dims()[1] * x.dims()[0] + i / x.dims()[1], x.asDouble(i));
  return out;
}

// Constant weights in blocks with one zero point; `axis` is that of the reduction.
struct Blocked {
  Tensor weights, scale;
  int64_t block;
};

std::optional<Blocked> blockedWeights(const Op &op, int64_t axis) {
  const Op *dequantize = definedBy(op.operand(1), OpKind::DequantizeLinear);
  if (!dequantize || dequantize->integer("block_size") == 0 ||
      dequantize->integer("axis") != axis || op.operand(1)->type.dtype != DType::F32)
    return std::nullopt;
  const Tensor *weights = constantOf(dequantize->operand(0));
  const Tensor *scale = constantOf(dequantize->operand(1));
  const Value *zero = dequantize->operand(2);
  int64_t block = dequantize->integer("block_size");
  auto splat = zero ? splatOf(zero) : std::optional<double>(0);
  if (!weights || !scale || scale->dtype() != DType::F32 || !splat || weights->elements() == 0 ||
      !isInteger(weights->dtype()) || bitWidth(weights->dtype()) > 16 ||
      weights->dims()[static_cast<size_t>(axis)] % block != 0)
    return std::nullopt;
  Quantization q{weights->dtype(), {1}, {static_cast<int32_t>(*splat)}, 0};
  auto narrow = centred(*weights, q);
  if (!narrow)
    return std::nullopt;
  return Blocked{std::move(*narrow), *scale, block};
}

bool lowerBlocked(Module &module, Op *op) {
  if (!channelAxes(*op) || op->operand(0)->type.dtype != DType::F32)
    return false;
  bool isConv = op->kind() == OpKind::Conv, isGemm = op->kind() == OpKind::Gemm;
  bool turns = isGemm && op->flag("transB");
  auto rank = static_cast<int64_t>(op->operand(1)->type.rank());
  auto blocked = blockedWeights(*op, isConv || turns ? 1 : rank - 2);
  if (!blocked)
    return false;
  if (turns) {
    blocked->weights = transposed(blocked->weights);
    blocked->scale = transposed(blocked->scale);
  }
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  const Op *stored = op->operand(1)->definingOp()->operand(0)->definingOp();
  Value *x = op->operand(0);
  Value *w = builder.constant(std::move(blocked->weights), stored->parameter->name);
  Value *scale = builder.constant(std::move(blocked->scale), "scale");
  Value *y;
  if (isConv) {
    Attributes attributes = op->attributes();
    attributes["block_size"] = blocked->block;
    y = builder.create(OpKind::Conv, {x, w, nullptr, nullptr, nullptr, scale}, attributes);
  } else {
    if (isGemm && op->flag("transA"))
      x = builder.create(OpKind::Transpose, {x}, {{"perm", Dims{1, 0}}});
    y = builder.create(OpKind::MatMul, {x, w, nullptr, nullptr, scale},
                       {{"block_size", blocked->block}});
    if (isGemm && op->real("alpha") != 1)
      y = builder.create(OpKind::Mul, {y, builder.scalar(DType::F32, op->real("alpha"))});
  }
  y = withBias(builder, *op, y);
  y->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(y);
  eraseWithDeadOperands(op);
  return true;
}

bool lower(Module &module, Op *op) {
  auto axes = channelAxes(*op);
  auto q = axes ? dequantizedFrom(op->operand(1)) : std::nullopt;
  if (!q || q->dtype == DType::I32 || op->operand(0)->type.dtype != DType::F32 ||
      (!q->perTensor() && q->axis != axes->first))
    return false;
  const Op *dequantize = op->operand(1)->definingOp();
  const Tensor *weights = constantOf(dequantize->operand(0));
  if (!weights || weights->elements() == 0)
    return false;
  auto narrow = centred(*weights, *q);
  if (!narrow)
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  std::vector<Value *> operands = op->operands();
  operands.resize(2);
  operands[1] =
      builder.constant(std::move(*narrow), dequantize->operand(0)->definingOp()->parameter->name);
  Value *product = builder.createOp(op->kind(), operands, op->attributes())->result();
  Value *y = builder.create(OpKind::Mul, {product, scaleAlong(builder, *op, *q, axes->second)});
  y = withBias(builder, *op, y);
  y->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(y);
  eraseWithDeadOperands(op);
  return true;
}

} // namespace

int64_t lowerWeightOnly(Module &module, Block &block) {
  int64_t lowered = 0;
  for (Op *op : block.snapshot())
    lowered += lower(module, op) || lowerBlocked(module, op) ? 1 : 0;
  return lowered;
}

} // namespace edgecc::quantized
