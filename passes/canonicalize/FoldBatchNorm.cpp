// Folds per-channel affine functions into the weights and bias of the linear op before them:
//   s * (W x + b) + t = (s W) x + (s b + t)
// The affine function is a batch norm, or a Mul or Add of a per-channel constant. A batch norm that
// no linear op can take becomes Mul and Add, which are element-wise and so can be fused.
#include "passes/Passes.h"
#include "passes/canonicalize/ChannelAffine.h"

#include <algorithm>

namespace edgecc {

namespace {

// How the weights of a linear op relate to the channels of its result.
struct Linear {
  unsigned axis; // channel axis of the result
  int64_t channels;
  std::function<int64_t(int64_t)> channel; // of a weight, by its index in row-major order
  bool takesBias;                          // operand 2 is a bias with one entry for each channel
};

int64_t product(const Dims &dims, size_t first) {
  int64_t size = 1;
  for (size_t i = first; i < dims.size(); ++i)
    size *= dims[i];
  return size;
}

std::optional<Linear> linear(const Op &op) {
  const Tensor *w = constantOf(op.operand(1));
  if (!w || !isFloat(w->dtype()))
    return std::nullopt;
  const Dims &dims = w->dims();
  switch (op.kind()) {
  case OpKind::Conv: { // [M, C / group, kernel...]
    int64_t inner = product(dims, 1);
    return Linear{1, dims[0], [=](int64_t i) { return i / inner; }, true};
  }
  case OpKind::ConvTranspose: { // [C, M / group, kernel...]
    int64_t kernel = product(dims, 2), perGroup = dims[1];
    int64_t rows = dims[0] / op.integer("group");
    return Linear{1, perGroup * op.integer("group"),
                  [=](int64_t i) {
                    int64_t row = i / (kernel * perGroup);
                    return row / rows * perGroup + i / kernel % perGroup;
                  },
                  true};
  }
  case OpKind::Gemm: { // [K, N], or [N, K] if transposed
    if (op.flag("transB"))
      return Linear{1, dims[0], [k = dims[1]](int64_t i) { return i / k; }, true};
    return Linear{1, dims[1], [n = dims[1]](int64_t i) { return i % n; }, true};
  }
  case OpKind::MatMul: // [batch..., K, N]
    return Linear{op.result()->type.rank() - 1, dims.back(),
                  [n = dims.back()](int64_t i) { return i % n; }, false};
  default:
    return std::nullopt;
  }
}

// The op's bias as one number for each channel; none if it is not a constant of that kind.
std::optional<std::vector<double>> biasOf(const Op &op, const Linear &linear) {
  std::vector<double> bias(static_cast<size_t>(linear.channels), 0.0);
  const Value *operand = linear.takesBias ? op.operand(2) : nullptr;
  if (!operand)
    return bias;
  const Tensor *content = constantOf(operand);
  if (!content || (content->elements() != 1 && content->dims().back() != linear.channels) ||
      (content->elements() != 1 && content->elements() != linear.channels))
    return std::nullopt;
  double beta = op.kind() == OpKind::Gemm ? op.real("beta") : 1;
  for (size_t c = 0; c < bias.size(); ++c)
    bias[c] = beta * content->asDouble(content->elements() == 1 ? 0 : static_cast<int64_t>(c));
  return bias;
}

Tensor vectorOf(DType dtype, const std::vector<double> &values) {
  Tensor content(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), values[i]);
  return content;
}

Tensor scaled(const Tensor &w, const Linear &linear, const ChannelAffine &affine) {
  Tensor out(w.dtype(), w.dims());
  if (w.dtype() == DType::F32) { // the common case, many millions of times
    auto in = w.data<float>();
    auto to = out.mutableData<float>();
    for (size_t i = 0; i < in.size(); ++i) {
      auto c = static_cast<size_t>(linear.channel(static_cast<int64_t>(i)));
      to[i] = static_cast<float>(double{in[i]} * affine.scaleOf(c));
    }
    return out;
  }
  for (int64_t i = 0; i < w.elements(); ++i)
    out.setDouble(i, w.asDouble(i) * affine.scaleOf(static_cast<size_t>(linear.channel(i))));
  return out;
}

void setBias(Module &module, Op &op, const std::vector<double> &bias) {
  std::string name = op.operand(2) ? op.operand(2)->definingOp()->parameter->name : "bias";
  Value *value = constantBefore(module, &op, vectorOf(op.result()->type.dtype, bias), name);
  std::vector<Value *> operands = op.operands();
  operands.resize(std::max<size_t>(operands.size(), 3));
  operands[2] = value;
  op.setOperands(operands);
  if (op.kind() == OpKind::Gemm)
    op.set("beta", 1.0);
}

// Folds `op`, an affine function, into the linear op that makes its operand.
bool foldInto(Module &module, Op *op, Statistics &statistics) {
  for (const Value *operand : op->operands()) {
    Op *producer = operand ? operand->definingOp() : nullptr;
    auto target = producer && hasOneUser(operand) ? linear(*producer) : std::nullopt;
    if (!target || producer->block() != op->block())
      continue;
    auto affine = channelAffine(*op, target->axis);
    auto bias = biasOf(*producer, *target);
    if (!affine || affine->x != operand || !bias || (affine->shifts() && !target->takesBias))
      continue;
    if (affine->scales()) {
      Op *param = producer->operand(1)->definingOp();
      producer->setOperand(1, constantBefore(module, producer,
                                             scaled(param->parameter->content, *target, *affine),
                                             param->parameter->name));
    }
    for (size_t c = 0; c < bias->size(); ++c)
      (*bias)[c] = (*bias)[c] * affine->scaleOf(c) + affine->shiftOf(c);
    if (producer->operand(2) || affine->shifts())
      if (target->takesBias)
        setBias(module, *producer, *bias);
    statistics.add(op->kind() == OpKind::BatchNormalization ? "batch norms folded"
                                                            : "scales and offsets folded");
    producer->location = joinLocations(producer->location, op->location);
    producer->result()->provenance = op->result()->provenance;
    replaceOp(op, producer->result());
    return true;
  }
  return false;
}

// A batch norm with constant statistics becomes x * s + t.
void expand(Module &module, Op *op, Statistics &statistics) {
  auto affine = channelAffine(*op, 1);
  if (!affine)
    return;
  Dims dims(op->operand(0)->dims().size() - 1, 1);
  dims[0] = op->operand(0)->dims()[1];
  DType dtype = op->result()->type.dtype;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *scale = builder.constant(vectorOf(dtype, affine->scale).reshaped(dims), "scale");
  Value *shift = builder.constant(vectorOf(dtype, affine->shift).reshaped(dims), "shift");
  Value *product = builder.create(OpKind::Mul, {affine->x, scale});
  replaceOp(op, builder.create(OpKind::Add, {product, shift}));
  statistics.add("batch norms made element-wise");
}

} // namespace

Expected<void> foldBatchNorm(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        if (!foldInto(module, op, context.statistics) && op->kind() == OpKind::BatchNormalization)
          expand(module, op, context.statistics);
    });
  return {};
}

} // namespace edgecc
