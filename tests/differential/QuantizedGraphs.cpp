#include "tests/differential/QuantizedGraphs.h"

#include "backends/reference/ReferenceExecutor.h"

#include <algorithm>
#include <cmath>

namespace edgecc::test {

namespace {

using enum OpKind;

constexpr int64_t kMaxElements = 4000;

// An integer tensor and what it stands for.
struct Quantized {
  Value *value;
  float scale;
  int zero;
};

class QuantizedGenerator {
public:
  QuantizedGenerator(uint64_t seed, DType activations)
      : random_(seed * 0x9e3779b97f4a7c15u + 7), activations_(activations),
        graph_{std::make_unique<Module>(), {}}, function_(graph_.module->addFunction("graph")),
        builder_(*graph_.module, function_.body) {
    graph_.module->name = "quantized" + std::to_string(seed);
  }

  Expected<Graph> run() {
    Dims image{between(1, 2), pick({3, 4, 8, 12, 16, 19}), between(4, 10), between(4, 10)};
    addInput(image);
    if (chance(0.4))
      addInput(image);
    int64_t wanted = between(3, 9);
    for (int64_t attempts = 0; failure_.empty() && attempts < 60 && made_ < wanted; ++attempts)
      addLayer(pool_[static_cast<size_t>(between(0, static_cast<int64_t>(pool_.size()) - 1))]);
    if (!failure_.empty())
      return tl::unexpected(failure_);
    std::vector<Value *> yields;
    for (const Quantized &q : pool_)
      if (q.value->uses().empty() && q.value->definingOp())
        yields.push_back(q.value);
    if (yields.empty())
      yields.push_back(pool_.back().value);
    for (size_t i = 0; i < yields.size(); ++i)
      function_.outputs.push_back({"y" + std::to_string(i), {}});
    builder_.yield(yields);
    return std::move(graph_);
  }

private:
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(double p) { return static_cast<double>(random_() >> 11) * 0x1p-53 < p; }
  int64_t pick(std::initializer_list<int64_t> choices) {
    return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  Tensor randomTensor(DType dtype, const Dims &dims, double low, double high) {
    Tensor tensor(dtype, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      double value = low + static_cast<double>(random_() >> 11) * 0x1p-53 * (high - low);
      tensor.setDouble(i, isFloat(dtype) ? value : std::round(value));
    }
    return tensor;
  }
  std::pair<double, double> rangeOf(DType dtype) const {
    double half = std::ldexp(1, static_cast<int>(bitWidth(dtype)) - 1);
    return isSigned(dtype) ? std::pair{-half, half - 1} : std::pair{0.0, 2 * half - 1};
  }

  Value *constant(Tensor tensor) {
    Value *value = builder_.constant(tensor);
    known_[value] = std::move(tensor);
    return value;
  }

  // Creates and computes an op; null if it is not valid.
  Value *emit(OpKind kind, std::vector<Value *> operands, Attributes attributes = {}) {
    auto created = builder_.tryCreate(kind, std::span<Value *const>(operands), attributes);
    if (!created)
      return nullptr;
    Op *op = *created;
    std::vector<Tensor> tensors;
    for (Value *operand : operands)
      tensors.push_back(operand ? known_.at(operand) : Tensor());
    if (op->result()->type.elements() > kMaxElements || op->result()->type.elements() == 0) {
      op->erase();
      return nullptr;
    }
    auto results = ReferenceExecutor().evaluate(*op, tensors);
    if (!results) {
      failure_ = results.error();
      op->erase();
      return nullptr;
    }
    for (unsigned i = 0; i < op->numResults(); ++i)
      known_[op->result(i)] = std::move((*results)[i]);
    return op->result();
  }

  void addInput(const Dims &dims) {
    auto [low, high] = rangeOf(activations_);
    Tensor tensor = randomTensor(activations_, dims, low, high);
    Value *value = function_.body.addArgument(tensor.type());
    function_.inputs.push_back({"x" + std::to_string(graph_.inputs.size()), {}});
    graph_.inputs.push_back(tensor);
    known_[value] = std::move(tensor);
    int zero = static_cast<int>(chance(0.5) ? std::round((low + high) / 2) : low + between(0, 90));
    pool_.push_back({value, static_cast<float>(2 / (high - low)), zero});
  }

  Value *real(const Quantized &q) {
    return emit(DequantizeLinear,
                {q.value, constant(Tensor::scalar<float>(DType::F32, q.scale)),
                 constant(randomTensor(q.value->type.dtype, {}, q.zero, q.zero))},
                {{"to", DType::F32}});
  }

  // With a scale that covers most of the values.
  bool quantize(Value *x) {
    if (!x)
      return false;
    const Tensor &content = known_.at(x);
    double least = 0, most = 0;
    for (int64_t i = 0; i < content.elements(); ++i) {
      least = std::min(least, content.asDouble(i));
      most = std::max(most, content.asDouble(i));
    }
    auto [low, high] = rangeOf(activations_);
    double cut = chance(0.5) ? 1 : 0.8;
    auto scale = static_cast<float>(std::max(cut * (most - least) / (high - low), 1e-6));
    if (chance(0.3)) // results that lie exactly between two integers
      scale = std::exp2(std::round(std::log2(scale)));
    int zero = static_cast<int>(std::clamp(std::round(low - least / scale), low, high));
    Value *s = constant(Tensor::scalar<float>(DType::F32, scale));
    Value *z = constant(randomTensor(activations_, {}, zero, zero));
    Value *q = emit(QuantizeLinear, {x, s, z}, {{"to", activations_}});
    if (!q)
      return false;
    pool_.push_back({q, scale, zero});
    ++made_;
    return true;
  }

  // Integer weights with a scale for each index along `axis`, or one for all.
  Value *weights(const Dims &dims, int64_t axis, bool mayShift) {
    if (numElements(dims) == 1)
      return nullptr; // a scalar constant, which folding makes a real one
    DType dtype = chance(0.6) ? DType::I8 : chance(0.5) ? DType::I4 : DType::U8;
    if (chance(0.1))
      dtype = DType::U4;
    auto [low, high] = rangeOf(dtype);
    double limit = activations_ == DType::I8 || activations_ == DType::U8 ? 1 : 0.5;
    Value *w = constant(randomTensor(dtype, dims, low * limit, high * limit));
    Dims scales = chance(0.7) ? Dims{dims[static_cast<size_t>(axis)]} : Dims{};
    Value *s = constant(randomTensor(DType::F32, scales, 0.002, 0.01));
    Value *z = nullptr;
    if (!isSigned(dtype))
      z = constant(randomTensor(dtype, scales, (high + 1) / 2, (high + 1) / 2));
    else if (mayShift && chance(0.15))
      z = constant(randomTensor(dtype, scales, -3, 3));
    return emit(DequantizeLinear, {w, s, z}, {{"axis", axis}, {"to", DType::F32}});
  }

  Value *biasOf(int64_t channels) {
    if (chance(0.3))
      return nullptr;
    if (chance(0.3))
      return constant(randomTensor(DType::F32, {channels}, -0.3, 0.3));
    return emit(DequantizeLinear,
                {constant(randomTensor(DType::I32, {channels}, -900, 900)),
                 constant(randomTensor(DType::F32, {channels}, 1e-4, 4e-4))},
                {{"to", DType::F32}});
  }

  // What often stands between a layer and its Quantize.
  Value *activated(Value *x) {
    if (!x)
      return nullptr;
    auto scalar = [&](float v) { return constant(Tensor::scalar<float>(DType::F32, v)); };
    switch (between(0, 8)) {
    case 0:
    case 1:
      return emit(Relu, {x});
    case 2:
      return emit(Clip, {x, scalar(0), scalar(0.7f)});
    case 3:
      return emit(LeakyRelu, {x}, {{"alpha", 0.125}});
    case 4: {
      Dims slopes(x->type.rank(), 1);
      if (slopes.size() > 1)
        slopes[1] = x->dims()[1];
      return emit(PRelu, {x, constant(randomTensor(DType::F32, slopes, 0, 0.5))});
    }
    case 5: { // a residual
      for (const Quantized &other : pool_)
        if (other.value->dims() == x->dims() && chance(0.5))
          return emit(chance(0.8) ? Add : Sub, {x, real(other)});
      return x;
    }
    default:
      return x;
    }
  }

  Attributes window(size_t rank, Dims &kernel) {
    Dims strides, dilations, pads(2 * rank);
    for (size_t d = 0; d < rank; ++d) {
      kernel.push_back(pick({1, 2, 3, 3}));
      strides.push_back(pick({1, 1, 2}));
      dilations.push_back(pick({1, 1, 1, 2}));
      int64_t span = (kernel[d] - 1) * dilations[d];
      pads[d] = chance(0.6) ? span / 2 : between(0, std::min<int64_t>(span, 2));
      pads[d + rank] = chance(0.6) ? span / 2 : between(0, std::min<int64_t>(span, 2));
    }
    return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}};
  }

  Value *convolution(const Quantized &x) {
    Dims kernel;
    Attributes attributes = window(2, kernel);
    int64_t channels = x.value->dims()[1];
    int64_t out = chance(0.5) ? channels : pick({1, 4, 8, 17, 32});
    bool transposed = chance(0.25);
    int64_t group = chance(0.25) && !transposed ? channels : 1;
    if (group > 1)
      out = channels;
    attributes["group"] = group;
    Dims dims = transposed ? Dims{channels, out} : Dims{out, channels / group};
    dims.insert(dims.end(), kernel.begin(), kernel.end());
    if (transposed)
      attributes["output_padding"] = Dims{0, 0};
    std::vector<Value *> operands{real(x), weights(dims, transposed ? 1 : 0, !transposed),
                                  biasOf(out)};
    if (!operands[2])
      operands.pop_back();
    return emit(transposed ? ConvTranspose : Conv, operands, attributes);
  }

  Value *pooling(const Quantized &x) {
    Dims kernel;
    Attributes attributes = window(2, kernel);
    for (size_t d = 0; d < 2; ++d)
      if (kernel[d] * 2 > x.value->dims()[d + 2])
        return nullptr;
    attributes["kernel"] = kernel;
    attributes["ceil_mode"] = chance(0.3);
    if (chance(0.4))
      return emit(MaxPool, {real(x)}, attributes);
    attributes["count_include_pad"] = chance(0.5);
    return emit(AveragePool, {real(x)}, attributes);
  }

  Value *reduction(const Quantized &x) {
    Dims axes{2, 3};
    if (chance(0.3))
      axes = {static_cast<int64_t>(x.value->type.rank()) - 1};
    OpKind kind = chance(0.6) ? ReduceMean : chance(0.5) ? ReduceSum : ReduceMax;
    return emit(kind, {real(x)}, {{"axes", axes}, {"keepdims", true}});
  }

  Value *movement(const Quantized &x) {
    const Dims &d = x.value->dims();
    switch (between(0, 4)) {
    case 0:
      return emit(Transpose, {real(x)}, {{"perm", Dims{0, 1, 3, 2}}});
    case 1:
      return emit(Pad, {real(x)}, {{"pads", Dims{0, 0, 1, 2, 0, 0, 0, 1}}});
    case 2:
      return emit(Concat, {real(x), real(pool_[0].value->dims() == d ? pool_[0] : x)},
                  {{"axis", int64_t{1}}});
    case 3:
      return emit(DepthToSpace, {real(x)}, {{"blocksize", int64_t{2}}});
    default:
      return emit(Resize, {real(x)},
                  {{"sizes", Dims{d[0], d[1], d[2] * 2, d[3] * 2}},
                   {"scales", std::vector<double>{1, 1, 2, 2}},
                   {"mode", std::string(chance(0.5) ? "nearest" : "linear")},
                   {"coordinate_mode", std::string("half_pixel")},
                   {"nearest_mode", std::string("floor")}});
    }
  }

  Value *product(const Quantized &x) {
    const Dims &d = x.value->dims();
    if (bitWidth(activations_) == 8 && chance(0.4)) { // of two activations; wider ones overflow
      Value *turned = emit(Transpose, {real(x)}, {{"perm", Dims{0, 1, 3, 2}}});
      return turned ? emit(MatMul, {real(x), turned}) : nullptr;
    }
    if (chance(0.5)) {
      int64_t n = pick({1, 5, 16, 33});
      return emit(MatMul, {real(x), weights({d.back(), n}, 1, true)});
    }
    Value *flat = emit(Reshape, {real(x)}, {{"shape", Dims{d[0], d[1] * d[2] * d[3]}}});
    if (!flat || flat->dims()[1] > 1500)
      return nullptr;
    bool transB = chance(0.5);
    int64_t n = pick({2, 9, 16}), k = flat->dims()[1];
    Value *w = weights(transB ? Dims{n, k} : Dims{k, n}, transB ? 0 : 1, true);
    std::vector<Value *> operands{flat, w, biasOf(n)};
    if (!operands[2])
      operands.pop_back();
    return emit(Gemm, operands, {{"transB", transB}, {"alpha", chance(0.7) ? 1.0 : 0.5}});
  }

  // Functions of one value; exact results are needed, so that 16-bit types get no others.
  Value *function(const Quantized &x) {
    if (bitWidth(activations_) == 8 && chance(0.7)) {
      if (chance(0.5))
        return emit(chance(0.5) ? HardSwish : Tanh, {real(x)});
      Value *sigmoid = emit(Sigmoid, {real(x)});
      if (!quantize(sigmoid))
        return nullptr;
      return emit(Mul, {real(x), real(pool_.back())});
    }
    for (const Quantized &other : pool_)
      if (other.value->dims() == x.value->dims() && other.value != x.value)
        return emit(chance(0.5) ? Mul : Max, {real(x), real(other)});
    return emit(Abs, {real(x)});
  }

  void addLayer(Quantized x) {
    if (x.value->type.rank() != 4)
      return;
    switch (between(0, 9)) {
    case 0:
    case 1:
    case 2:
    case 3:
      quantize(activated(convolution(x)));
      break;
    case 4:
      quantize(pooling(x));
      break;
    case 5:
      quantize(reduction(x));
      break;
    case 6:
    case 7:
      quantize(activated(movement(x)));
      break;
    case 8:
      quantize(activated(product(x)));
      break;
    default:
      quantize(function(x));
    }
  }

  std::mt19937_64 random_;
  DType activations_;
  Graph graph_;
  Function &function_;
  Builder builder_;
  std::map<const Value *, Tensor> known_;
  std::vector<Quantized> pool_;
  int64_t made_ = 0;
  Diagnostics failure_;
};

} // namespace

Expected<Graph> generateQuantized(uint64_t seed, DType activations) {
  return QuantizedGenerator(seed, activations).run();
}

} // namespace edgecc::test
