// Convolutions, pooling, matrix products, normalisations and quantised layers for random graphs.
#include "tests/differential/Generator.h"

#include <algorithm>
#include <cmath>

namespace edgecc::test {

namespace {

using enum OpKind;

bool isFloatValue(const Value *x) { return isFloat(x->type.dtype); }

// The largest weight where `count` terms go into a sum: values do not blow up, and neither does the
// bound on errors, which grows with the sum of magnitudes.
double weightLimit(int64_t count) {
  double n = static_cast<double>(std::max(int64_t{1}, count));
  return std::min(std::sqrt(3 / n), 6 / n);
}

Tensor weights(Generator &g, DType dtype, const Dims &dims, int64_t count) {
  double limit = weightLimit(count);
  return g.random(dtype, dims, -limit, limit);
}

struct Window {
  Dims kernel, strides, dilations, pads;
};

Window randomWindow(Generator &g, size_t rank, bool keepsSize) {
  Window w;
  w.pads.resize(2 * rank);
  for (size_t d = 0; d < rank; ++d) {
    w.kernel.push_back(keepsSize ? g.pick<int64_t>({1, 3, 3, 5}) : g.between(1, 4));
    w.strides.push_back(keepsSize ? 1 : g.pick<int64_t>({1, 1, 2, 3}));
    w.dilations.push_back(g.pick<int64_t>({1, 1, 1, 2}));
    int64_t span = (w.kernel[d] - 1) * w.dilations[d];
    w.pads[d] = keepsSize ? span / 2 : g.between(0, std::min(int64_t{2}, span));
    w.pads[d + rank] = keepsSize ? span / 2 : g.between(0, std::min(int64_t{2}, span));
  }
  return w;
}

Attributes attributesOf(const Window &w) {
  return {{"strides", w.strides}, {"dilations", w.dilations}, {"pads", w.pads}};
}

} // namespace

bool addConvolution(Generator &g, Value *x) {
  if (!isFloatValue(x) || x->type.rank() < 3 || x->type.rank() > 5)
    return false;
  size_t rank = x->type.rank() - 2;
  int64_t channels = x->dims()[1];
  if (channels > 64)
    return false;
  Window window = randomWindow(g, rank, g.chance(0.6));
  int64_t out = g.chance(0.5) ? channels : g.pick<int64_t>({1, 4, 6, 8, 16, 24});
  int64_t group = 1;
  if (g.chance(0.25))
    out = group = channels;
  else if (g.chance(0.1) && channels % 2 == 0 && out % 2 == 0)
    group = 2;
  int64_t taps = numElements(window.kernel);
  Attributes attributes = attributesOf(window);
  attributes["group"] = group;
  bool isTransposed = g.chance(0.12);
  Dims dims = isTransposed ? Dims{channels, out / group} : Dims{out, channels / group};
  dims.insert(dims.end(), window.kernel.begin(), window.kernel.end());
  if (isTransposed)
    attributes["output_padding"] = Dims(rank, 0);
  std::vector<Value *> operands{
      x, g.constant(weights(g, x->type.dtype, dims, taps * channels / group))};
  if (g.chance(0.7))
    operands.push_back(g.constant(g.random(x->type.dtype, {out}, -0.5, 0.5)));
  Value *y = g.emitOne(isTransposed ? ConvTranspose : Conv, operands, attributes);
  if (y && g.chance(0.4))
    return g.emit(g.pick<OpKind>({Relu, Relu, HardSwish, Swish, Sigmoid, LeakyRelu}), {y});
  return y;
}

bool addPooling(Generator &g, Value *x) {
  if (!isFloatValue(x) || x->type.rank() < 3 || x->type.rank() > 5)
    return false;
  size_t rank = x->type.rank() - 2;
  Window window = randomWindow(g, rank, g.chance(0.3));
  for (size_t d = 0; d < rank; ++d) // every window reads something
    if ((window.kernel[d] - 1) * window.dilations[d] + 1 > x->dims()[d + 2])
      return false;
  Attributes attributes = attributesOf(window);
  attributes["kernel"] = window.kernel;
  attributes["ceil_mode"] = g.chance(0.3);
  if (g.chance(0.5))
    return g.emit(MaxPool, {x}, attributes);
  attributes["count_include_pad"] = g.chance(0.5);
  return g.emit(AveragePool, {x}, attributes);
}

bool addProduct(Generator &g, Value *x) {
  if (!isFloatValue(x) || x->type.rank() < 2)
    return false;
  int64_t k = x->dims().back(), n = g.pick<int64_t>({1, 5, 8, 16, 17, 32});
  if (k > 200)
    return false;
  DType dtype = x->type.dtype;
  if (g.chance(0.3) && x->type.rank() == 2) {
    bool transB = g.chance(0.5);
    std::vector<Value *> operands{
        x, g.constant(weights(g, dtype, transB ? Dims{n, k} : Dims{k, n}, k))};
    if (g.chance(0.7))
      operands.push_back(g.constant(g.random(dtype, {n}, -0.5, 0.5)));
    return g.emit(Gemm, operands, {{"transB", transB}, {"alpha", g.chance(0.7) ? 1.0 : 0.5}});
  }
  if (g.chance(0.3)) // x times its own transpose, as in attention
    if (Value *other = g.pickLike(x, true)) {
      std::vector<int64_t> perm;
      for (int64_t i = 0; i < x->type.rank(); ++i)
        perm.push_back(i);
      std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
      Value *right = g.emitOne(Transpose, {other}, {{"perm", perm}});
      Value *scores = right ? g.emitOne(MatMul, {x, right}) : nullptr;
      if (scores && g.chance(0.6))
        return g.emit(Softmax, {scores}, {{"axis", int64_t{x->type.rank()} - 1}});
      return scores;
    }
  Value *y = g.emitOne(MatMul, {x, g.constant(weights(g, dtype, {k, n}, k))});
  if (y && g.chance(0.5))
    return g.emit(Add, {y, g.constant(g.random(dtype, {n}, -0.5, 0.5))});
  return y;
}

bool addNormalization(Generator &g, Value *x) {
  if (!isFloatValue(x) || x->type.rank() < 2)
    return false;
  DType dtype = x->type.dtype;
  int64_t last = int64_t{x->type.rank()} - 1;
  switch (g.between(0, 2)) {
  case 0:
    return g.emit(g.pick<OpKind>({Softmax, LogSoftmax}), {x},
                  {{"axis", g.chance(0.6) ? last : g.between(0, last)}});
  case 1: {
    Dims channels{x->dims()[1]};
    return g.emit(BatchNormalization,
                  {x, g.constant(g.random(dtype, channels, 0.5, 1.5)),
                   g.constant(g.random(dtype, channels)), g.constant(g.random(dtype, channels)),
                   g.constant(g.random(dtype, channels, 0.5, 2))});
  }
  default: {
    if (x->dims().back() < 4)
      return false;
    Dims dims{x->dims().back()};
    std::vector<Value *> operands{x};
    if (g.chance(0.8)) {
      operands.push_back(g.constant(g.random(dtype, dims, 0.5, 1.5)));
      operands.push_back(g.constant(g.random(dtype, dims, -0.5, 0.5)));
    }
    return g.emit(LayerNormalization, operands, {{"axis", last}});
  }
  }
}

namespace {

// Quantises to 8 bits and back, with a scale that covers the values.
Value *throughBytes(Generator &g, Value *x) {
  bool isUnsigned = g.chance(0.5);
  DType dtype = isUnsigned ? DType::U8 : DType::I8;
  float scale =
      static_cast<float>(std::max(g.known(x).peak, 1e-3) / 127 * (g.chance(0.5) ? 1.0 : 0.8));
  int zero = isUnsigned ? 128 : static_cast<int>(g.between(-3, 3));
  Value *s = g.constant(Tensor::scalar<float>(DType::F32, scale));
  Value *z = g.constant(g.random(dtype, {}, zero, zero));
  Value *q = g.emitOne(QuantizeLinear, {x, s, z}, {{"to", dtype}});
  return q ? g.emitOne(DequantizeLinear, {q, s, z}, {{"to", DType::F32}}) : nullptr;
}

// Weights of 8 bits with one scale for each output channel.
Value *byteWeights(Generator &g, const Dims &dims, int64_t axis, int64_t count) {
  Tensor bytes = g.random(DType::I8, dims, -127, 127);
  float limit = static_cast<float>(weightLimit(count) / 127);
  Tensor scales = g.random(DType::F32, {dims[static_cast<size_t>(axis)]}, 0.5 * limit, limit);
  return g.emitOne(DequantizeLinear, {g.constant(bytes), g.constant(scales)},
                   {{"axis", axis}, {"to", DType::F32}});
}

} // namespace

// quantise, dequantise, layer, quantise, dequantise: what becomes integer arithmetic in lower/.
bool addQuantized(Generator &g, Value *x) {
  if (x->type.dtype != DType::F32 || x->type.rank() < 2)
    return false;
  Value *in = throughBytes(g, x);
  if (!in)
    return false;
  Value *y = nullptr;
  if (x->type.rank() == 4 && x->dims()[1] <= 32) {
    Window window = randomWindow(g, 2, g.chance(0.7));
    int64_t channels = x->dims()[1], out = g.pick<int64_t>({4, 8, 16}), group = 1;
    if (g.chance(0.3))
      out = group = channels;
    Dims dims{out, channels / group, window.kernel[0], window.kernel[1]};
    Value *w = byteWeights(g, dims, 0, numElements(dims) / out);
    Attributes attributes = attributesOf(window);
    attributes["group"] = group;
    if (w)
      y = g.emitOne(Conv, {in, w}, attributes);
  } else if (x->dims().back() <= 64) {
    Dims dims{x->dims().back(), g.pick<int64_t>({4, 8, 16})};
    Value *w = byteWeights(g, dims, 1, dims[0]);
    if (w)
      y = g.emitOne(MatMul, {in, w});
  }
  if (y && g.chance(0.5))
    y = g.emitOne(Relu, {y});
  return y && throughBytes(g, y);
}

} // namespace edgecc::test
