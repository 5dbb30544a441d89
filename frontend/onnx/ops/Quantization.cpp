// Quantised ops. Those that compute in integers by definition keep quantize and dequantize apart:
// y = quantize(op(dequantize(x))), which lowering turns back into integer arithmetic.
#include "frontend/onnx/ops/MatMul.h"
#include "frontend/onnx/ops/OpTable.h"
#include "frontend/onnx/ops/Window.h"

namespace edgecc::importer {
namespace {

// Scale, zero point and the axis or blocks that they belong to.
struct Quantizer {
  Value *scale;
  Value *zeroPoint; // may be null
  int64_t axis = 0;
  int64_t blockSize = 0;
};

Value *dequantize(NodeContext &n, Value *x, const Quantizer &q, DType to = DType::F32) {
  return n.emit(OpKind::DequantizeLinear, {x, q.scale, q.zeroPoint},
                {{"axis", q.axis}, {"block_size", q.blockSize}, {"to", to}});
}

Value *quantize(NodeContext &n, Value *x, const Quantizer &q, DType to, bool saturate = true) {
  return n.emit(
      OpKind::QuantizeLinear, {x, q.scale, q.zeroPoint},
      {{"axis", q.axis}, {"block_size", q.blockSize}, {"to", to}, {"saturate", saturate}});
}

// Operands 1 and 2 of QuantizeLinear and DequantizeLinear. The axis means nothing for a scalar
// scale, and may then be outside of the operand.
Quantizer readQuantizer(NodeContext &n, Value *x) {
  Quantizer q{n.input(1), n.optionalInput(2), 0, n.intAttribute("block_size", 0)};
  if (q.scale->type.elements() != 1 || q.blockSize != 0)
    q.axis = normalizedAxis(n, n.intAttribute("axis", 1), x->dims().size());
  return q;
}

void importQuantizeLinear(NodeContext &n) {
  Value *x = n.input(0);
  Quantizer q = readQuantizer(n, x);
  DType to =
      q.zeroPoint ? q.zeroPoint->type.dtype : n.dtypeAttribute("output_dtype").value_or(DType::U8);
  n.setOutput(0, quantize(n, x, q, to, n.flag("saturate", true)));
}

void importDequantizeLinear(NodeContext &n) {
  Value *x = n.input(0);
  Quantizer q = readQuantizer(n, x);
  DType scaleType = isFloat(q.scale->type.dtype) ? q.scale->type.dtype : DType::F32;
  n.setOutput(0, dequantize(n, x, q, n.dtypeAttribute("output_dtype").value_or(scaleType)));
}

void importDynamicQuantizeLinear(NodeContext &n) {
  auto results = n.emitAll(OpKind::DynamicQuantizeLinear, {n.input(0)});
  for (unsigned i = 0; i < results.size(); ++i)
    n.setOutput(i, results[i]);
}

Value *quantizeOutput(NodeContext &n, Value *y, unsigned scaleAt, int64_t axis = 0) {
  Value *zeroPoint = n.optionalInput(scaleAt + 1);
  DType to = zeroPoint ? zeroPoint->type.dtype : DType::U8;
  return quantize(n, y, {n.input(scaleAt), zeroPoint, axis}, to);
}

// Operands: x, its scale and zero point, w and its, the result's, bias in units of x scale * w
// scale.
void importQLinearConv(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(3);
  if (w->dims().size() < 3)
    n.fail("the weights need rank 3 or more");
  Window window = readWindow(n, spatialDims(n, x), Dims(w->dims().begin() + 2, w->dims().end()));
  Attributes attributes = window.attributes();
  attributes["group"] = n.intAttribute("group", 1);
  Value *bias = n.optionalInput(8);
  if (bias) {
    Value *scale = mul(n, n.input(1), n.input(4));
    if (scale->type.elements() == 1)
      scale = reshape(n, scale, {});
    bias = dequantize(n, bias, {scale, nullptr, 0});
  }
  Value *y = n.emit(OpKind::Conv,
                    {dequantize(n, x, {n.input(1), n.input(2)}),
                     dequantize(n, w, {n.input(4), n.input(5), 0}), bias},
                    std::move(attributes));
  n.setOutput(0, quantizeOutput(n, y, 6));
}

// Scales may be given for each row of a and each column of b.
void importQLinearMatMul(NodeContext &n) {
  auto side = [&](unsigned at, int64_t axisFromEnd) {
    Value *x = n.input(at);
    auto rank = static_cast<int64_t>(x->dims().size());
    return dequantize(
        n, x, {n.input(at + 1), n.optionalInput(at + 2), std::max<int64_t>(rank - axisFromEnd, 0)});
  };
  Value *y = matMul(n, side(0, 2), side(3, 1));
  auto rank = static_cast<int64_t>(y->dims().size());
  n.setOutput(0, quantizeOutput(n, y, 6, std::max<int64_t>(rank - 2, 0)));
}

// --- ONNX Runtime's quantised ops (domain com.microsoft) ---

template <OpKind kind> void importQLinearBinary(NodeContext &n) {
  Value *a = dequantize(n, n.input(0), {n.input(1), n.optionalInput(2)});
  Value *b = dequantize(n, n.input(3), {n.input(4), n.optionalInput(5)});
  n.setOutput(0, quantizeOutput(n, n.emit(kind, {a, b}), 6));
}

void importQLinearSigmoid(NodeContext &n) {
  Value *x = dequantize(n, n.input(0), {n.input(1), n.optionalInput(2)});
  n.setOutput(0, quantizeOutput(n, n.emit(OpKind::Sigmoid, {x}), 3));
}

void importQLinearLeakyRelu(NodeContext &n) {
  Value *x = dequantize(n, n.input(0), {n.input(1), n.optionalInput(2)});
  Value *y = n.emit(OpKind::LeakyRelu, {x}, {{"alpha", n.floatAttribute("alpha", 0.01)}});
  n.setOutput(0, quantizeOutput(n, y, 3));
}

void importQLinearGlobalAveragePool(NodeContext &n) {
  if (n.flag("channels_last", false))
    n.fail("channels_last is not supported");
  Value *x = dequantize(n, n.input(0), {n.input(1), n.optionalInput(2)});
  std::vector<int64_t> axes = allAxes(spatialDims(n, x).size() + 2);
  axes.erase(axes.begin(), axes.begin() + 2);
  n.setOutput(0, quantizeOutput(n, reduce(n, OpKind::ReduceMean, x, axes, true), 3));
}

// Operands: the result's scale and zero point, then (x, scale, zero point) for each part.
void importQLinearConcat(NodeContext &n) {
  std::vector<Value *> parts;
  for (unsigned i = 2; i + 2 < n.numInputs(); i += 3)
    parts.push_back(dequantize(n, n.input(i), {n.input(i + 1), n.optionalInput(i + 2)}));
  if (parts.empty())
    n.fail("has no operands");
  int64_t axis = normalizedAxis(n, n.intAttribute("axis"), parts[0]->dims().size());
  n.setOutput(0, quantizeOutput(n, concat(n, parts, axis), 0));
}

} // namespace

void addQuantizationOps(OpTable &table) {
  table.add("DequantizeLinear", importDequantizeLinear);
  table.add("DynamicQuantizeLinear", importDynamicQuantizeLinear);
  table.add("QLinearConv", importQLinearConv);
  table.add("QLinearMatMul", importQLinearMatMul);
  table.add("QuantizeLinear", importQuantizeLinear);
  constexpr const char *kOrt = "com.microsoft";
  table.addTo(kOrt, "DequantizeLinear", importDequantizeLinear);
  table.addTo(kOrt, "QLinearAdd", importQLinearBinary<OpKind::Add>);
  table.addTo(kOrt, "QLinearConcat", importQLinearConcat);
  table.addTo(kOrt, "QLinearGlobalAveragePool", importQLinearGlobalAveragePool);
  table.addTo(kOrt, "QLinearLeakyRelu", importQLinearLeakyRelu);
  table.addTo(kOrt, "QLinearMul", importQLinearBinary<OpKind::Mul>);
  table.addTo(kOrt, "QLinearSigmoid", importQLinearSigmoid);
  table.addTo(kOrt, "QuantizeLinear", importQuantizeLinear);
}

} // namespace edgecc::importer
