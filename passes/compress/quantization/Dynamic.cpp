#include "passes/compress/quantization/Dynamic.h"
#include "passes/Rewrite.h"

namespace edgecc {

std::string whyNotDynamic(const Op &layer) {
  if (layer.kind() == OpKind::ConvTranspose)
    return "there is no integer transposed convolution whose input has a scale found at run time";
  if (!constantOf(layer.operand(1)))
    return "both of its operands are activations";
  if (!biasOf(layer))
    return "its bias is not a constant with one entry for each channel";
  return "";
}

namespace {

Tensor vectorOf(const std::vector<double> &values, const Dims &dims) {
  Tensor content(DType::F32, dims);
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), values[i]);
  return content;
}

class DynamicLayer {
public:
  DynamicLayer(Module &module, Op *layer, const WeightScales &how)
      : builder_(module), layer_(layer), layout_(*weightLayout(*layer)), how_(how) {
    builder_.setInsertionBefore(layer);
    builder_.location = layer->location;
    how_.axis = layout_.axis;
  }

  void replace(const Op &quantizedInput) {
    Value *w = layer_->operand(1);
    Tensor scales = scalesOfWeights(*constantOf(w), how_);
    Value *q = builder_.create(
        OpKind::QuantizeLinear, {w, builder_.constant(scales, "scale")},
        {{"axis", how_.perTensor ? int64_t{0} : int64_t{layout_.axis}}, {"to", DType::I8}});
    Value *x = quantizedInput.result(0), *zero = quantizedInput.result(2);
    Value *product = nullptr;
    if (layer_->kind() == OpKind::Conv) {
      product = builder_.create(OpKind::Conv, {x, q, nullptr, zero}, layer_->attributes());
    } else {
      if (layer_->kind() == OpKind::Gemm && layer_->flag("transB"))
        q = builder_.create(OpKind::Transpose, {q}, {{"perm", std::vector<int64_t>{1, 0}}});
      product = builder_.create(OpKind::MatMul, {x, q, zero});
    }
    Value *real = builder_.create(OpKind::Cast, {product}, {{"to", DType::F32}});
    Value *factor = builder_.create(
        OpKind::Mul, {alongChannels(scalesOfChannels(scales), "scale"), quantizedInput.result(1)});
    Value *result = builder_.create(OpKind::Mul, {real, factor});
    if (layer_->kind() != OpKind::MatMul && layer_->operand(2))
      result = builder_.create(OpKind::Add, {result, alongChannels(*biasOf(*layer_), "bias")});
    replaceOp(layer_, result);
  }

private:
  std::vector<double> scalesOfChannels(const Tensor &scales) const {
    std::vector<double> out;
    for (int64_t c = 0; c < layout_.channels; ++c)
      out.push_back(scales.asDouble(how_.perTensor ? 0 : layout_.indexOfChannel(c)));
    return out;
  }

  Value *alongChannels(const std::vector<double> &values, std::string_view name) {
    Dims dims(layer_->result()->type.rank() - layout_.resultAxis, 1);
    dims[0] = layout_.channels;
    return builder_.constant(vectorOf(values, dims), name);
  }

  Builder builder_;
  Op *layer_;
  WeightLayout layout_;
  WeightScales how_;
};

} // namespace

void quantizeDynamically(Module &module, const std::vector<Op *> &layers,
                         const WeightScales &weights) {
  std::map<const Value *, Op *> quantized;
  for (Op *layer : layers) {
    Value *x = layer->operand(0);
    Op *&op = quantized[x];
    if (!op) {
      Builder builder(module);
      builder.setInsertionBefore(layer);
      builder.location = layer->location;
      Value *operands[] = {x};
      op = builder.createOp(OpKind::DynamicQuantizeLinear, operands);
    }
    DynamicLayer(module, layer, weights).replace(*op);
  }
}

} // namespace edgecc
