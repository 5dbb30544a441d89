#include "passes/channels/LinearLayer.h"

#include <algorithm>

namespace edgecc {

static int64_t product(const Dims &dims, size_t first, size_t last) {
  int64_t size = 1;
  for (size_t i = first; i < last; ++i)
    size *= dims[i];
  return size;
}

std::optional<LinearLayer> linearLayer(Op &op) {
  const Tensor *w = constantOf(op.operand(1));
  if (!w || !isFloat(w->dtype()) || w->elements() == 0 || !op.operand(0))
    return std::nullopt;
  const Dims &dims = w->dims();
  LinearLayer layer;
  layer.op = &op;
  layer.weights = w;
  switch (op.kind()) {
  case OpKind::Conv:          // [M, C / group, kernel...]
  case OpKind::ConvTranspose: // [C, M / group, kernel...]
    layer.outer = dims[0];
    layer.inner = dims[1];
    layer.kernel = product(dims, 2, dims.size());
    layer.groups = op.integer("group");
    layer.rowsOuter = op.kind() == OpKind::Conv;
    layer.takesBias = true;
    break;
  case OpKind::Gemm: // [K, N], or [N, K] if transposed
    layer.inputAxis = op.flag("transA") ? 0 : 1;
    layer.outer = dims[0];
    layer.inner = dims[1];
    layer.rowsOuter = op.flag("transB");
    layer.gain = op.real("alpha");
    layer.takesBias = true;
    break;
  case OpKind::MatMul: // [batch..., K, N]
    layer.repeats = product(dims, 0, dims.size() - 2);
    layer.outer = dims[dims.size() - 2];
    layer.inner = dims.back();
    layer.rowsOuter = false;
    layer.inputAxis = op.operand(0)->type.rank() - 1;
    layer.outputAxis = op.result()->type.rank() - 1;
    break;
  default:
    return std::nullopt;
  }
  layer.outputs = layer.rowsOuter ? layer.outer : layer.inner * layer.groups;
  layer.inputs = layer.rowsOuter ? layer.inner * layer.groups : layer.outer;
  return layer;
}

std::optional<std::vector<double>> biasOf(const LinearLayer &layer) {
  std::vector<double> bias(static_cast<size_t>(layer.outputs), 0.0);
  const Value *operand = layer.takesBias ? layer.op->operand(2) : nullptr;
  if (!operand)
    return bias;
  const Tensor *content = constantOf(operand);
  if (!content || (content->elements() != 1 && (content->elements() != layer.outputs ||
                                                content->dims().back() != layer.outputs)))
    return std::nullopt;
  double beta = layer.op->kind() == OpKind::Gemm ? layer.op->real("beta") : 1;
  for (size_t c = 0; c < bias.size(); ++c)
    bias[c] = beta * content->asDouble(content->elements() == 1 ? 0 : static_cast<int64_t>(c));
  return bias;
}

void setWeights(Module &module, LinearLayer &layer, Tensor weights) {
  Op &op = *layer.op;
  op.setOperand(1, constantBefore(module, &op, std::move(weights),
                                  op.operand(1)->definingOp()->parameter->name));
  layer.weights = constantOf(op.operand(1));
}

void setBias(Module &module, LinearLayer &layer, const std::vector<double> &bias) {
  Op &op = *layer.op;
  std::string name = op.operand(2) ? op.operand(2)->definingOp()->parameter->name : "bias";
  Value *value = constantBefore(module, &op, vectorOf(op.result()->type.dtype, bias), name);
  std::vector<Value *> operands = op.operands();
  operands.resize(std::max<size_t>(operands.size(), 3));
  operands[2] = value;
  op.setOperands(operands);
  if (op.kind() == OpKind::Gemm)
    op.set("beta", 1.0);
}

bool readsNoPadding(const Op &op) {
  switch (op.kind()) {
  case OpKind::Conv:
    return std::ranges::all_of(op.ints("pads"), [](int64_t pad) { return pad <= 0; });
  case OpKind::Gemm:
  case OpKind::MatMul:
    return true;
  default: // at the borders of a transposed convolution fewer taps meet
    return false;
  }
}

Tensor scaledWeights(const LinearLayer &layer, const std::vector<double> &rowScale,
                     const std::vector<double> &columnScale) {
  const Tensor &w = *layer.weights;
  Tensor out(w.dtype(), w.dims());
  auto factor = [&](size_t row, size_t column) {
    return (rowScale.empty() ? 1 : rowScale[row]) * (columnScale.empty() ? 1 : columnScale[column]);
  };
  if (w.dtype() == DType::F32) { // the common case, many millions of times
    auto in = w.data<float>();
    auto to = out.mutableData<float>();
    layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
      auto at = static_cast<size_t>(i);
      to[at] = static_cast<float>(double{in[at]} * factor(row, column));
    });
  } else {
    layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
      out.setDouble(i, w.asDouble(i) * factor(row, column));
    });
  }
  return out;
}

Tensor vectorOf(DType dtype, const std::vector<double> &values) {
  Tensor content(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), values[i]);
  return content;
}

} // namespace edgecc
