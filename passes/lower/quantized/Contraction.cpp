// Convolutions and matrix products on integers:
//   sum (x - zx) sx * (w - zw) sw + b = (sum (x - zx) (w - zw) + b / (sx sw)) * (sx sw)
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <cmath>

namespace edgecc::quantized {

namespace {

// The quantised operands of a contraction, and how its weights lie.
struct Operands {
  Value *x, *w;
  Quantization xq, wq;
  const Tensor *weights; // null: not constant
  int64_t channels;      // of the result
  int64_t channelAxis;   // of the result
  // Channel of the weight with this index in row-major order.
  std::function<int64_t(int64_t)> channelOf;
};

bool isNarrow(DType dtype) {
  return dtype == DType::I8 || dtype == DType::U8 || dtype == DType::I16;
}

std::optional<Operands> operandsOf(const Op &op) {
  auto xq = dequantizedFrom(op.operand(0)), wq = dequantizedFrom(op.operand(1));
  if (!xq || !wq || !xq->perTensor() || !isNarrow(xq->dtype) || !isNarrow(wq->dtype))
    return std::nullopt;
  Operands out{op.operand(0)->definingOp()->operand(0),
               op.operand(1)->definingOp()->operand(0),
               *xq,
               *wq,
               nullptr,
               0,
               0,
               {}};
  out.weights = constantOf(out.w);
  const Dims &w = out.w->dims();
  auto rank = static_cast<int64_t>(w.size());
  int64_t axis = 0; // of w, along which the channels lie
  switch (op.kind()) {
  case OpKind::Conv:
    out.channelAxis = 1;
    out.channelOf = [inner = w[0] ? numElements(w) / w[0] : 1](int64_t i) { return i / inner; };
    break;
  case OpKind::Gemm:
    if (op.real("alpha") != 1 || op.real("beta") != 1 || op.flag("transA") || !out.weights)
      return std::nullopt;
    out.channelAxis = 1;
    axis = op.flag("transB") ? 0 : 1;
    if (axis == 0)
      out.channelOf = [k = w[1]](int64_t i) { return i / k; };
    else
      out.channelOf = [n = w[1]](int64_t i) { return i % n; };
    break;
  case OpKind::MatMul:
    axis = rank - 1;
    out.channelAxis = op.result()->type.rank() - 1;
    out.channelOf = [n = w.back()](int64_t i) { return i % n; };
    break;
  default:
    return std::nullopt;
  }
  out.channels = w[static_cast<size_t>(axis)];
  if (!wq->perTensor() && (wq->axis != axis || out.channels == 0))
    return std::nullopt;
  return out;
}

double accumulatorScale(const Operands &in, int64_t channel) {
  return double{in.xq.scale(0)} * double{in.wq.scale(static_cast<size_t>(channel))};
}

// The bias in units of the accumulator; none if it is not constant along the channels or does not
// fit in i32.
std::optional<std::vector<int64_t>> biasOf(const Op &op, const Operands &in) {
  std::vector<int64_t> bias(static_cast<size_t>(in.channels), 0);
  Value *operand = op.kind() == OpKind::MatMul ? nullptr : op.operand(2);
  if (!operand)
    return bias;
  auto bq = dequantizedFrom(operand);
  const Tensor *content = constantOf(bq ? operand->definingOp()->operand(0) : operand);
  if (!content || (content->elements() != 1 && content->elements() != in.channels) ||
      (content->elements() != 1 && content->dims().back() != in.channels))
    return std::nullopt;
  for (int64_t c = 0; c < in.channels; ++c) {
    auto at = static_cast<size_t>(c);
    int64_t i = content->elements() == 1 ? 0 : c;
    double real = bq ? (content->asDouble(i) - bq->zeroPoint(at)) * double{bq->scale(at)}
                     : content->asDouble(i);
    double units = std::nearbyint(real / accumulatorScale(in, c));
    if (!(std::abs(units) < 0x1p31))
      return std::nullopt;
    bias[at] = static_cast<int64_t>(units);
  }
  return bias;
}

// Whether sum |w - zw| * max |x - zx| + |b| < 2^31 for every channel.
bool fitsI32(const Operands &in, const std::vector<int64_t> &bias, int64_t reduction) {
  auto reach = [](const Quantization &q, size_t c) {
    auto [low, high] = q.range();
    return std::max<int64_t>(int64_t{high} - q.zeroPoint(c), int64_t{q.zeroPoint(c)} - low);
  };
  std::vector<int64_t> sums(bias.size(), 0);
  if (in.weights)
    for (int64_t i = 0; i < in.weights->elements(); ++i) {
      auto c = static_cast<size_t>(in.channelOf(i));
      sums[c] += std::abs(in.weights->asInt(i) - in.wq.zeroPoint(c));
    }
  for (size_t c = 0; c < bias.size(); ++c) {
    int64_t sum = in.weights ? sums[c] : reduction * reach(in.wq, c);
    if (sum >= (int64_t{1} << 40) || sum * reach(in.xq, 0) + std::abs(bias[c]) >= int64_t{1} << 31)
      return false;
  }
  return true;
}

Tensor vectorOf(DType dtype, const auto &values) {
  Tensor content(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), static_cast<double>(values[i]));
  return content;
}

// Null if all zero points are 0.
Value *zeroPointOperand(Builder &builder, const Quantization &q) {
  if (std::ranges::all_of(q.zeroPoints, [](int32_t z) { return z == 0; }))
    return nullptr;
  Tensor content = vectorOf(q.dtype, q.zeroPoints);
  return builder.constant(q.perTensor() ? content.reshaped({}) : content, "zero_point");
}

Value *transposedWeights(Builder &builder, const Operands &in) {
  const Dims &dims = in.w->dims();
  Tensor out(in.wq.dtype, {dims[1], dims[0]});
  for (int64_t r = 0; r < dims[0]; ++r)
    for (int64_t c = 0; c < dims[1]; ++c)
      out.setDouble(c * dims[0] + r, static_cast<double>(in.weights->asInt(r * dims[1] + c)));
  return builder.constant(std::move(out), in.w->definingOp()->parameter->name);
}

Value *integerProduct(Builder &builder, const Op &op, const Operands &in,
                      const std::vector<int64_t> &bias) {
  bool hasBias = std::ranges::any_of(bias, [](int64_t b) { return b != 0; });
  Value *b = hasBias ? builder.constant(vectorOf(DType::I32, bias), "bias") : nullptr;
  Value *zx = zeroPointOperand(builder, in.xq), *zw = zeroPointOperand(builder, in.wq);
  if (op.kind() == OpKind::Conv)
    return builder.create(OpKind::Conv, {in.x, in.w, b, zx, zw}, op.attributes());
  bool transposes = op.kind() == OpKind::Gemm && op.flag("transB");
  Value *w = transposes ? transposedWeights(builder, in) : in.w;
  Value *product = builder.create(OpKind::MatMul, {in.x, w, zx, zw});
  return b ? builder.create(OpKind::Add, {product, b}) : product;
}

bool lower(Module &module, Op *op) {
  auto in = operandsOf(*op);
  auto bias = in ? biasOf(*op, *in) : std::nullopt;
  int64_t reduction = in && in->channels ? in->w->type.elements() / in->channels : 0;
  if (!bias || op->result()->type.dtype != DType::F32 || !fitsI32(*in, *bias, reduction))
    return false;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *accumulator = integerProduct(builder, *op, *in, *bias);
  std::vector<float> scales;
  for (int64_t c = 0; c < (in->wq.perTensor() ? 1 : in->channels); ++c)
    scales.push_back(static_cast<float>(accumulatorScale(*in, c)));
  Tensor scale = vectorOf(DType::F32, scales);
  Value *scaleValue = builder.constant(scales.size() == 1 ? scale.reshaped({}) : scale, "scale");
  Value *real = builder.create(
      OpKind::DequantizeLinear, {accumulator, scaleValue},
      {{"axis", scales.size() == 1 ? int64_t{0} : in->channelAxis}, {"to", DType::F32}});
  real->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(real);
  eraseWithDeadOperands(op);
  return true;
}

} // namespace

int64_t lowerContractions(Module &module, Block &block) {
  int64_t lowered = 0;
  for (Op *op : block.snapshot())
    if ((op->kind() == OpKind::Conv || op->kind() == OpKind::MatMul ||
         op->kind() == OpKind::Gemm) &&
        lower(module, op))
      ++lowered;
  return lowered;
}

} // namespace edgecc::quantized
