// Gemm, and MatMul of a matrix, with constant weights = a convolution of kernel 1 on images of one
// pixel:
//
//   y[n, m] = alpha sum_k a[n, k] b[k, m] + beta c[m]  =  conv(a as [N, K, 1, 1], w)  with
//   w[m, k, 0, 0] = alpha b[k, m]  and the bias beta c.
//
// Convolution engines have no other way to run fully connected layers, and passes for convolutions
// then apply to them.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

namespace edgecc {

namespace {

// The layer's operands: a [N, K], weights, and what is added for each output.
struct FullyConnected {
  const Tensor *weights;
  bool isTransposed; // weights are [M, K]
  double alpha = 1, beta = 1;
  const Tensor *bias = nullptr; // M elements, or one
};

std::optional<FullyConnected> match(const Op &op) {
  if (op.numOperands() < 2 || !op.operand(0)->type.isStatic() ||
      op.operand(0)->type.dtype != op.operand(1)->type.dtype || !isFloat(op.operand(0)->type.dtype))
    return std::nullopt;
  FullyConnected layer{constantOf(op.operand(1)), false};
  if (!layer.weights || layer.weights->rank() != 2 || op.operand(0)->dims().size() != 2)
    return std::nullopt;
  if (op.kind() == OpKind::MatMul)
    return op.operand(2) || op.operand(3) ? std::nullopt : std::optional(layer);
  if (op.kind() != OpKind::Gemm || op.flag("transA"))
    return std::nullopt;
  layer.isTransposed = op.flag("transB");
  layer.alpha = op.real("alpha");
  layer.beta = op.real("beta");
  if (op.operand(2)) {
    layer.bias = constantOf(op.operand(2));
    int64_t outputs = op.result()->dims()[1];
    if (!layer.bias || (layer.bias->elements() != 1 && layer.bias->elements() != outputs) ||
        (layer.bias->elements() == outputs && outputs > 1 && layer.bias->dims().back() != outputs))
      return std::nullopt;
  }
  return layer;
}

void rewrite(Module &module, Op &op, const FullyConnected &layer) {
  int64_t n = op.operand(0)->dims()[0], k = op.operand(0)->dims()[1], m = op.result()->dims()[1];
  Builder builder(module);
  builder.location = op.location;
  builder.setInsertionBefore(&op);
  Tensor weights(layer.weights->dtype(), {m, k, 1, 1});
  for (int64_t row = 0; row < m; ++row)
    for (int64_t column = 0; column < k; ++column)
      weights.setDouble(row * k + column, layer.alpha * layer.weights->asDouble(
                                                            layer.isTransposed ? row * k + column
                                                                               : column * m + row));
  Value *x = builder.create(OpKind::Reshape, {op.operand(0)}, {{"shape", Dims{n, k, 1, 1}}});
  std::vector<Value *> operands{
      x, builder.constant(std::move(weights), op.operand(1)->definingOp()->parameter->name)};
  if (layer.bias) {
    Tensor bias(layer.bias->dtype(), {m});
    for (int64_t row = 0; row < m; ++row)
      bias.setDouble(row, layer.beta * layer.bias->asDouble(layer.bias->elements() == 1 ? 0 : row));
    operands.push_back(
        builder.constant(std::move(bias), op.operand(2)->definingOp()->parameter->name));
  }
  std::vector<int64_t> ones{1, 1};
  Op *conv = builder.createOp(
      OpKind::Conv, operands,
      {{"dilations", ones}, {"pads", std::vector<int64_t>{0, 0, 0, 0}}, {"strides", ones}});
  replaceOp(&op, builder.create(OpKind::Reshape, {conv->result()}, {{"shape", Dims{n, m}}}));
}

} // namespace

Expected<void> fullyConnectedToConvolution(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        if (auto layer = match(*op)) {
          rewrite(module, *op, *layer);
          context.statistics.add("fully connected layers as convolutions");
        }
    });
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
