#include "passes/compress/quantization/Layer.h"
#include "passes/Rewrite.h"
#include "passes/channels/LinearLayer.h"
#include "passes/compress/quantization/Points.h"
#include "runtime/numerics/Quantize.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

std::optional<WeightLayout> weightLayout(const Op &layer) {
  if (layer.numOperands() < 2)
    return std::nullopt;
  const Dims &w = layer.operand(1)->dims();
  auto rank = static_cast<unsigned>(w.size());
  WeightLayout out;
  switch (layer.kind()) {
  case OpKind::Conv: // [M, C / group, kernel...]
    out.reductionAxis = 1;
    break;
  case OpKind::ConvTranspose: // [C, M / group, kernel...]
    out.axis = 1;
    if (layer.integer("group") > 1)
      out.perGroup = numElements(w) / layer.integer("group");
    break;
  case OpKind::Gemm: // [K, N], or [N, K] if transposed
    out.axis = layer.flag("transB") ? 0 : 1;
    out.reductionAxis = 1 - out.axis;
    break;
  case OpKind::MatMul: // [batch..., K, N]
    out.axis = rank - 1;
    out.reductionAxis = rank - 2;
    out.resultAxis = layer.result()->type.rank() - 1;
    break;
  default:
    return std::nullopt;
  }
  out.extent = w[out.axis];
  for (unsigned i = out.axis + 1; i < rank; ++i)
    out.stride *= w[i];
  out.channels = layer.result()->dims()[out.resultAxis];
  return out;
}

// --- weights ---

const Tensor *QuantizedWeights::real() const {
  return quantize ? constantOf(quantize->operand(0)) : nullptr;
}

const Tensor *QuantizedWeights::integers() const { return constantOf(dequantize->operand(0)); }

const Dims &QuantizedWeights::dims() const { return dequantize->result()->dims(); }

int32_t QuantizedWeights::lowest() const {
  return numerics::integerRange(static_cast<int>(bitWidth(dtype)), isSigned(dtype)).low;
}

int32_t QuantizedWeights::highest() const {
  return numerics::integerRange(static_cast<int>(bitWidth(dtype)), isSigned(dtype)).high;
}

float QuantizedWeights::scaleOf(int64_t i) const { return scale.data<float>()[scaleIndexOf(i)]; }

size_t QuantizedWeights::scaleIndexOf(int64_t i) const {
  if (scale.elements() == 1)
    return 0;
  const Dims &w = dims();
  int64_t stride = 1;
  for (auto d = static_cast<size_t>(axis) + 1; d < w.size(); ++d)
    stride *= w[d];
  int64_t extent = w[static_cast<size_t>(axis)], at = i / stride % extent;
  if (block == 0)
    return static_cast<size_t>(at);
  int64_t blocks = (extent + block - 1) / block, outer = i / (stride * extent);
  return static_cast<size_t>((outer * blocks + at / block) * stride + i % stride);
}

std::optional<QuantizedWeights> quantizedWeights(Op &layer) {
  Op *dequantize =
      weightLayout(layer) ? definedBy(layer.operand(1), OpKind::DequantizeLinear) : nullptr;
  if (!dequantize)
    return std::nullopt;
  QuantizedWeights out;
  out.layer = &layer;
  out.dequantize = dequantize;
  out.quantize = definedBy(dequantize->operand(0), OpKind::QuantizeLinear);
  out.dtype = dequantize->operand(0)->type.dtype;
  const Tensor *scale = constantOf(dequantize->operand(1));
  const Tensor *content = out.quantize ? out.real() : out.integers();
  bool isCentred = !dequantize->operand(2) || splatOf(dequantize->operand(2)) == 0.0;
  if (!scale || scale->dtype() != DType::F32 || !content || !isCentred || !isInteger(out.dtype) ||
      bitWidth(out.dtype) > 16 || (out.quantize && constantOf(out.quantize->operand(1)) == nullptr))
    return std::nullopt;
  out.scale = *scale;
  out.axis = dequantize->integer("axis");
  out.block = dequantize->integer("block_size");
  return out;
}

std::vector<Op *> quantizedLayers(const Function &function) {
  std::vector<Op *> layers;
  for (const auto &op : function.body.ops())
    if (quantizedWeights(*op))
      layers.push_back(op.get());
  return layers;
}

Tensor roundedToNearest(const QuantizedWeights &weights) {
  const Tensor &real = *weights.real();
  Tensor out(weights.dtype, real.dims());
  numerics::IntegerRange range{weights.lowest(), weights.highest()};
  auto in = real.data<float>();
  for (int64_t i = 0; i < real.elements(); ++i)
    out.setDouble(
        i, numerics::quantizeLinear(in[static_cast<size_t>(i)], weights.scaleOf(i), 0, range));
  return out;
}

Tensor dequantized(const QuantizedWeights &weights, const Tensor &integers) {
  Tensor out(DType::F32, integers.dims());
  auto to = out.mutableData<float>();
  for (int64_t i = 0; i < integers.elements(); ++i)
    to[static_cast<size_t>(i)] =
        numerics::dequantizeLinear(static_cast<int32_t>(integers.asInt(i)), weights.scaleOf(i), 0);
  return out;
}

void setIntegers(Module &module, const QuantizedWeights &weights, Tensor integers) {
  assert(integers.dtype() == weights.dtype && integers.dims() == weights.dims());
  Op *source = (weights.quantize ? weights.quantize : weights.dequantize)->operand(0)->definingOp();
  Value *value =
      constantBefore(module, weights.dequantize, std::move(integers), source->parameter->name);
  weights.dequantize->setOperand(0, value);
  if (weights.quantize && weights.quantize->result()->uses().empty())
    eraseWithDeadOperands(weights.quantize);
  else if (!weights.quantize && source->result()->uses().empty())
    source->erase();
}

// --- activations ---

std::optional<ValueScale> scaleOfValue(const Value *value) {
  if (!value)
    return std::nullopt;
  const Op *op =
      definedBy(quantizationSource(const_cast<Value *>(value)), OpKind::DequantizeLinear);
  const Tensor *scale = op ? constantOf(op->operand(1)) : nullptr;
  const Tensor *zero = op ? constantOf(op->operand(2)) : nullptr;
  if (!scale || scale->dtype() != DType::F32 || scale->elements() != 1 ||
      constantOf(op->operand(0)) || (op->operand(2) && !zero))
    return std::nullopt;
  return ValueScale{op->operand(0)->type.dtype, scale->data<float>()[0],
                    zero ? static_cast<int32_t>(zero->asInt(0)) : 0};
}

// --- biases ---

namespace {

// The Add that is the bias of a MatMul, and which of its operands is the constant.
std::optional<std::pair<Op *, unsigned>> addBehind(const Op &matmul, int64_t channels) {
  Op *add = onlyUser(matmul.result(), OpKind::Add);
  for (unsigned i = 0; add && i < 2; ++i) {
    const Tensor *content = constantOf(add->operand(i));
    if (content && add->operand(1 - i) == matmul.result() &&
        (content->elements() == 1 ||
         (content->elements() == channels && content->dims().back() == channels)))
      return std::pair(add, i);
  }
  return std::nullopt;
}

// The scales of the layer's accumulator, one for each channel, if its operands are both quantised.
std::optional<std::vector<double>> accumulatorScales(Op &layer) {
  auto weights = quantizedWeights(layer);
  auto x = scaleOfValue(layer.operand(0));
  auto layout = weightLayout(layer);
  if (!weights || weights->block != 0 || !x ||
      (weights->scale.elements() != 1 && weights->axis != layout->axis))
    return std::nullopt;
  auto scales = weights->scale.data<float>();
  std::vector<double> out;
  for (int64_t c = 0; c < layout->channels; ++c) {
    auto at = static_cast<size_t>(scales.size() == 1 ? 0 : layout->indexOfChannel(c));
    out.push_back(double{x->scale} * double{scales[at]});
  }
  return out;
}

Value *integerBias(Module &module, Op &layer, const std::vector<double> &bias,
                   const std::vector<double> &scales, std::string_view name) {
  Tensor integers(DType::I32, {static_cast<int64_t>(bias.size())});
  Tensor scale(DType::F32, integers.dims());
  for (size_t c = 0; c < bias.size(); ++c) {
    auto f32 = static_cast<float>(scales[c]);
    scale.mutableData<float>()[c] = f32;
    // setDouble saturates
    integers.setDouble(static_cast<int64_t>(c), std::nearbyint(bias[c] / double{f32}));
  }
  Builder builder(module);
  builder.setInsertionBefore(&layer);
  builder.location = layer.location;
  Value *q = builder.constant(std::move(integers), name);
  return builder.create(OpKind::DequantizeLinear,
                        {q, builder.constant(std::move(scale), std::string(name) + ".scale")},
                        {{"axis", int64_t{0}}, {"to", DType::F32}});
}

// Whether the constant scales of the accumulator are finite, above 0, and large enough for `bias`
// to fit in i32.
bool holds(const std::vector<double> &scales, const std::vector<double> &bias) {
  for (size_t c = 0; c < bias.size(); ++c)
    if (!(scales[c] >= 0x1p-120) || !(std::abs(bias[c] / scales[c]) < 0x1p30))
      return false;
  return true;
}

} // namespace

std::optional<std::vector<double>> biasOf(const Op &layer) {
  auto layout = weightLayout(layer);
  if (!layout)
    return std::nullopt;
  std::vector<double> bias(static_cast<size_t>(layout->channels), 0.0);
  const Value *operand = nullptr;
  if (layer.kind() == OpKind::MatMul) {
    auto add = addBehind(layer, layout->channels);
    operand = add ? add->first->operand(add->second) : nullptr;
  } else {
    operand = layer.operand(2);
  }
  if (!operand)
    return bias;
  const Op *dequantize = definedBy(operand, OpKind::DequantizeLinear);
  const Tensor *content = constantOf(dequantize ? dequantize->operand(0) : operand);
  const Tensor *scale = dequantize ? constantOf(dequantize->operand(1)) : nullptr;
  bool isCentred = !dequantize || !dequantize->operand(2) || splatOf(dequantize->operand(2)) == 0.0;
  if (!content || (dequantize && !scale) || !isCentred ||
      (content->elements() != 1 &&
       (content->elements() != layout->channels || content->dims().back() != layout->channels)))
    return std::nullopt;
  double beta = layer.kind() == OpKind::Gemm ? layer.real("beta") : 1;
  for (size_t c = 0; c < bias.size(); ++c) {
    auto at = content->elements() == 1 ? 0 : static_cast<int64_t>(c);
    bias[c] = beta * content->asDouble(at);
    if (scale)
      bias[c] *= scale->asDouble(scale->elements() == 1 ? 0 : at);
  }
  return bias;
}

void setBias(Module &module, Op &layer, const std::vector<double> &bias) {
  auto layout = weightLayout(layer);
  assert(layout && bias.size() == static_cast<size_t>(layout->channels));
  if (layer.kind() == OpKind::MatMul) {
    if (auto add = addBehind(layer, layout->channels)) {
      auto [op, index] = *add;
      op->setOperand(index, constantBefore(module, op, vectorOf(DType::F32, bias),
                                           op->operand(index)->definingOp()->parameter->name));
      return;
    }
    Op *next = std::next(std::ranges::find_if(layer.block()->ops(), [&](const auto &op) {
                 return op.get() == &layer;
               }))->get();
    Builder builder(module);
    builder.setInsertionBefore(next);
    builder.location = layer.location;
    std::vector<Use> uses = layer.result()->uses();
    Value *sum = builder.create(
        OpKind::Add, {layer.result(), builder.constant(vectorOf(DType::F32, bias), "bias")});
    sum->provenance = layer.result()->provenance;
    for (const Use &use : uses)
      use.user->setOperand(use.operand, sum);
    return;
  }
  const Value *old = layer.operand(2);
  const Op *source = old ? old->definingOp() : nullptr;
  if (source && source->kind() == OpKind::DequantizeLinear)
    source = source->operand(0)->definingOp();
  std::string name = source && source->parameter ? source->parameter->name : "bias";
  auto scales = accumulatorScales(layer);
  Value *value = scales && holds(*scales, bias)
                     ? integerBias(module, layer, bias, *scales, name)
                     : constantBefore(module, &layer, vectorOf(DType::F32, bias), name);
  std::vector<Value *> operands = layer.operands();
  operands.resize(std::max<size_t>(operands.size(), 3));
  operands[2] = value;
  Op *dead = old && hasOneUser(old) ? old->definingOp() : nullptr;
  layer.setOperands(operands);
  if (layer.kind() == OpKind::Gemm)
    layer.set("beta", 1.0);
  if (dead)
    eraseWithDeadOperands(dead);
}

std::unique_ptr<Module> withoutQuantization(const Module &module) {
  std::unique_ptr<Module> copy = clone(module);
  for (const auto &function : copy->functions())
    forEachBlock(function->body, [](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::DequantizeLinear)
          continue;
        const Op *quantize = definedBy(op->operand(0), OpKind::QuantizeLinear);
        if (!quantize || quantize->operand(0)->type != op->result()->type)
          continue;
        op->result()->replaceAllUsesWith(quantize->operand(0));
      }
      std::vector<Op *> ops = block.snapshot();
      for (auto it = ops.rbegin(); it != ops.rend(); ++it)
        if (((*it)->kind() == OpKind::DequantizeLinear ||
             (*it)->kind() == OpKind::QuantizeLinear) &&
            (*it)->result()->uses().empty())
          (*it)->erase();
    });
  return copy;
}

} // namespace edgecc
