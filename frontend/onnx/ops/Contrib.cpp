// Ops that ONNX Runtime's optimiser and quantiser write into models (domain com.microsoft).
#include "frontend/onnx/ops/MatMul.h"
#include "frontend/onnx/ops/OpTable.h"
#include "frontend/onnx/ops/Window.h"

namespace edgecc::importer {
namespace {

Value *activation(NodeContext &n, Value *x) {
  std::string name = n.stringAttribute("activation", "");
  std::vector<double> parameters = n.floatsAttribute("activation_params");
  auto parameter = [&](size_t i, double absent) {
    return i < parameters.size() ? parameters[i] : absent;
  };
  if (name.empty())
    return x;
  if (name == "Relu")
    return n.emit(OpKind::Relu, {x});
  if (name == "Sigmoid")
    return n.emit(OpKind::Sigmoid, {x});
  if (name == "Tanh")
    return n.emit(OpKind::Tanh, {x});
  if (name == "LeakyRelu")
    return n.emit(OpKind::LeakyRelu, {x}, {{"alpha", parameter(0, 0.01)}});
  if (name == "HardSigmoid")
    return n.emit(OpKind::HardSigmoid, {x},
                  {{"alpha", parameter(0, 0.2)}, {"beta", parameter(1, 0.5)}});
  if (name == "Clip" && parameters.size() == 2)
    return n.emit(OpKind::Clip,
                  {x, scalarLike(n, x, parameters[0]), scalarLike(n, x, parameters[1])});
  n.fail("unknown activation '" + printable(name) + "'");
}

// Convolution with bias, added residual and activation.
void importFusedConv(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1);
  if (w->dims().size() < 3)
    n.fail("the weights need rank 3 or more");
  Attributes attributes =
      readWindow(n, spatialDims(n, x), Dims(w->dims().begin() + 2, w->dims().end())).attributes();
  attributes["group"] = n.intAttribute("group", 1);
  Value *y = n.emit(OpKind::Conv, {x, w, n.optionalInput(2)}, std::move(attributes));
  if (n.hasInput(3))
    y = add(n, y, n.input(3));
  n.setOutput(0, activation(n, y));
}

void importFusedMatMul(NodeContext &n) {
  auto side = [&](unsigned i, const char *transposed, const char *batched) {
    if (n.flag(batched, false))
      n.fail("transposed batch axes are not supported");
    Value *x = n.input(i);
    return n.flag(transposed, false) && x->dims().size() >= 2 ? swapLast(n, x) : x;
  };
  Value *a = side(0, "transA", "transBatchA"), *b = side(1, "transB", "transBatchB");
  Value *y = matMul(n, a, b);
  double alpha = n.floatAttribute("alpha", 1);
  n.setOutput(0, alpha == 1 ? y : mul(n, y, scalarLike(n, y, alpha)));
}

void importFusedGemm(NodeContext &n) {
  Value *y = n.emit(OpKind::Gemm, {n.input(0), n.input(1), n.optionalInput(2)},
                    {{"alpha", n.floatAttribute("alpha", 1.0)},
                     {"beta", n.floatAttribute("beta", 1.0)},
                     {"transA", n.flag("transA", false)},
                     {"transB", n.flag("transB", false)}});
  n.setOutput(0, activation(n, y));
}

// gelu(x + bias), the bias absent in some.
template <bool tanh> void importBiasGelu(NodeContext &n) {
  Value *x = n.input(0);
  if (n.hasInput(1))
    x = add(n, x, n.input(1));
  n.setOutput(0, n.emit(OpKind::Gelu, {x}, {{"tanh", tanh}}));
}

// Normalises x + skip + bias; the sum is an output as well.
void importSkipLayerNormalization(NodeContext &n) {
  Value *sum = add(n, n.input(0), n.input(1));
  if (n.hasInput(4))
    sum = add(n, sum, n.input(4));
  auto axis = static_cast<int64_t>(sum->dims().size()) - 1;
  n.setOutput(0, n.emit(OpKind::LayerNormalization, {sum, n.input(2), n.optionalInput(3)},
                        {{"axis", axis}, {"epsilon", n.floatAttribute("epsilon", 1e-12)}}));
  n.setOutput(3, sum);
}

// x times a matrix of packed 4-bit weights [N, blocks, bytes of a block], with a scale and a zero
// point (8 if absent) for each block of K.
void importMatMulNBits(NodeContext &n) {
  Value *x = n.input(0);
  int64_t k = n.intAttribute("K"), columns = n.intAttribute("N"), bits = n.intAttribute("bits", 4);
  int64_t block = n.intAttribute("block_size");
  const Tensor &packed = n.requireConstant(1, "the packed weights");
  if (bits != 4 || block < 16 || block > k || columns < 1 || !isValidShape({columns, k}) ||
      k % block != 0 || packed.dtype() != DType::U8)
    n.fail("only 4-bit weights in whole blocks are supported");
  int64_t blocks = k / block;
  Dims perBlock{columns, blocks};
  if (packed.elements() != columns * k / 2)
    n.fail("the packed weights do not have N * K elements");
  // Rows are whole numbers of bytes, low nibble first, as u4 tensors are.
  Tensor weights = packed.reshaped({columns * k / 2});
  auto owner = std::make_shared<Tensor>(weights);
  Value *w = n.constant(Tensor(DType::U4, {columns, k}, owner, owner->raw()));
  Value *scale = reshape(n, n.input(2), perBlock);
  Value *zeroPoint = nullptr;
  if (n.hasInput(3)) {
    const Tensor &zeros = n.requireConstant(3, "the zero points");
    int64_t rowBytes = (blocks + 1) / 2;
    if (zeros.dtype() != DType::U8 || zeros.elements() != columns * rowBytes)
      n.fail("the packed zero points do not have one entry for each block");
    Tensor unpacked(DType::U4, perBlock);
    for (int64_t row = 0; row < columns; ++row)
      for (int64_t i = 0; i < blocks; ++i)
        unpacked.setDouble(
            row * blocks + i,
            static_cast<double>(zeros.asInt(row * rowBytes + i / 2) >> (i % 2 * 4) & 15));
    zeroPoint = n.constant(std::move(unpacked));
  } else {
    Tensor eights(DType::U4, perBlock);
    for (int64_t i = 0; i < eights.elements(); ++i)
      eights.setDouble(i, 8);
    zeroPoint = n.constant(std::move(eights));
  }
  Value *matrix = n.emit(OpKind::DequantizeLinear, {w, scale, zeroPoint},
                         {{"axis", int64_t{1}}, {"block_size", block}, {"to", x->type.dtype}});
  Value *y = matMul(n, x, transpose(n, matrix, {1, 0}));
  n.setOutput(0, n.hasInput(5) ? add(n, y, n.input(5)) : y);
}

} // namespace

void addContribOps(OpTable &table) {
  constexpr const char *kOrt = "com.microsoft";
  table.addTo(kOrt, "BiasGelu", importBiasGelu<false>);
  table.addTo(kOrt, "FastGelu", importBiasGelu<true>);
  table.addTo(kOrt, "FusedConv", importFusedConv);
  table.addTo(kOrt, "FusedGemm", importFusedGemm);
  table.addTo(kOrt, "FusedMatMul", importFusedMatMul);
  table.addTo(kOrt, "MatMulNBits", importMatMulNBits);
  table.addTo(kOrt, "SkipLayerNormalization", importSkipLayerNormalization);
}

} // namespace edgecc::importer
