#include "tests/unit/passes/compress/RandomNetwork.h"

#include "ir/Builder.h"

#include <cmath>
#include <random>

namespace edgecc::test {

namespace {

class Network {
public:
  Network(uint64_t seed, DType dtype)
      : dtype_(dtype), random_(seed), module_(std::make_unique<Module>()),
        function_(module_->addFunction("main")), builder_(*module_, function_.body) {}

  std::unique_ptr<Module> run() {
    Value *x = function_.body.addArgument({dtype_, {1, 3, 12, 12}, 0, {}});
    function_.inputs = {{"x", {}}};
    x = convolution(x, 1);
    for (int i = 0, n = between(3, 7); i < n; ++i)
      x = block(x);
    std::vector<Value *> outputs{head(x)};
    if (between(0, 3) == 0)
      outputs.push_back(x);
    for (size_t i = 0; i < outputs.size(); ++i)
      function_.outputs.push_back({"y" + std::to_string(i), {}});
    builder_.yield(outputs);
    return std::move(module_);
  }

private:
  int between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(random_() >> 11) * 0x1p-53);
  }

  Value *constant(const Dims &dims, double low, double high) {
    Tensor content(dtype_, dims);
    for (int64_t i = 0; i < content.elements(); ++i)
      content.setDouble(i, uniform(low, high));
    return builder_.constant(std::move(content));
  }

  // Rows and columns of very different ranges, some of them zero.
  Value *weights(const Dims &dims) {
    Tensor content(dtype_, dims);
    int64_t inner = content.elements() / dims[0], kernel = inner / dims[1];
    std::vector<double> rows, columns;
    for (int64_t i = 0; i < dims[0]; ++i)
      rows.push_back(between(0, 19) == 0 ? 0 : std::exp2(uniform(-3, 3)));
    for (int64_t i = 0; i < dims[1]; ++i)
      columns.push_back(std::exp2(uniform(-3, 3)));
    for (int64_t i = 0; i < content.elements(); ++i)
      content.setDouble(i, uniform(-1, 1) * rows[static_cast<size_t>(i / inner)] *
                               columns[static_cast<size_t>(i / kernel % dims[1])]);
    return builder_.constant(std::move(content), "w");
  }

  Value *create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {}) {
    Value *result = builder_.create(kind, operands, std::move(attributes));
    result->provenance.tensor = "t" + std::to_string(++names_);
    result->definingOp()->location = "n" + std::to_string(names_);
    return result;
  }

  Value *convolution(Value *x, int64_t group, int64_t outputs = 0) {
    int64_t channels = x->dims()[1], kernel = between(0, 1) ? 3 : 1;
    if (outputs == 0)
      outputs = group == 1 ? 2 * between(2, 5) : channels;
    int64_t pad = kernel == 3 ? 1 : 0;
    Value *w = weights({outputs, channels / group, kernel, kernel});
    Value *b = between(0, 2) ? constant({outputs}, -2, 2) : nullptr;
    return create(OpKind::Conv, {x, w, b},
                  {{"group", group},
                   {"strides", std::vector<int64_t>{1, 1}},
                   {"dilations", std::vector<int64_t>{1, 1}},
                   {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
  }

  Value *activation(Value *x) {
    int64_t channels = x->dims()[1];
    switch (between(0, 5)) {
    case 0:
      return create(OpKind::LeakyRelu, {x}, {{"alpha", 0.1}});
    case 1:
      return create(OpKind::PRelu, {x, constant({channels, 1, 1}, -0.5, 0.5)});
    case 2:
      return create(OpKind::Clip, {x, builder_.scalar(dtype_, 0), builder_.scalar(dtype_, 6)});
    case 3:
      return x;
    default:
      return create(OpKind::Relu, {x});
    }
  }

  Value *affine(Value *x) {
    int64_t c = x->dims()[1];
    bool positive = between(0, 1);
    switch (between(0, 2)) {
    case 0:
      return create(OpKind::BatchNormalization,
                    {x, constant({c}, positive ? 0.1 : -2, 2), constant({c}, -1, 1),
                     constant({c}, -1, 1), constant({c}, 0.1, 2)});
    case 1: {
      Value *scale = constant({c, 1, 1}, positive ? 0.1 : -2, 2);
      if (between(0, 2) == 0) // a channel that a batch norm switched off
        scale->definingOp()->parameter->content.setDouble(between(0, static_cast<int>(c) - 1), 0);
      return create(OpKind::Mul, {scale, x});
    }
    default:
      return create(OpKind::Add, {x, constant({1, c, 1, 1}, -1, 1)});
    }
  }

  Value *pool(Value *x) {
    Attributes window{{"kernel", std::vector<int64_t>{3, 3}},
                      {"strides", std::vector<int64_t>{1, 1}},
                      {"dilations", std::vector<int64_t>{1, 1}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}}};
    if (between(0, 1)) {
      window["count_include_pad"] = between(0, 1) == 1;
      return create(OpKind::AveragePool, {x}, window);
    }
    return create(OpKind::MaxPool, {x}, window);
  }

  Value *shuffle(Value *x) {
    const Dims dims = x->dims();
    Value *split = create(OpKind::Reshape, {x},
                          {{"shape", std::vector<int64_t>{1, 2, dims[1] / 2, dims[2], dims[3]}}});
    Value *turned =
        create(OpKind::Transpose, {split}, {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
    return create(OpKind::Reshape, {turned}, {{"shape", dims}});
  }

  Value *block(Value *x) {
    int64_t channels = x->dims()[1];
    switch (between(0, 8)) {
    case 0: // residual
      return create(OpKind::Add,
                    {x, convolution(activation(convolution(x, channels)), 1, channels)});
    case 1: // concatenation of two branches
      return create(OpKind::Concat, {activation(convolution(x, 1)), activation(x)},
                    {{"axis", int64_t{1}}});
    case 2:
      return shuffle(convolution(x, channels));
    case 3:
      return pool(activation(convolution(x, 1)));
    case 4: { // [C, M / group, kernel...]
      Value *w = weights({channels, between(1, 3), 1, 1});
      return create(OpKind::ConvTranspose, {x, w, nullptr},
                    {{"group", int64_t{2}},
                     {"strides", std::vector<int64_t>{1, 1}},
                     {"dilations", std::vector<int64_t>{1, 1}},
                     {"pads", std::vector<int64_t>{0, 0, 0, 0}},
                     {"output_padding", std::vector<int64_t>{0, 0}}});
    }
    case 5:
      return convolution(affine(activation(convolution(x, 2))), 1);
    case 6: // half of the channels
      return create(OpKind::Slice, {activation(convolution(x, 1, 8))},
                    {{"starts", std::vector<int64_t>{0, 2, 0, 0}},
                     {"sizes", std::vector<int64_t>{1, 4, x->dims()[2], x->dims()[3]}},
                     {"steps", std::vector<int64_t>{1, 1, 1, 1}}});
    default:
      return activation(affine(convolution(activation(convolution(x, channels)), 1)));
    }
  }

  Value *head(Value *x) {
    int64_t channels = x->dims()[1];
    Value *mean = create(OpKind::ReduceMean, {x}, {{"axes", std::vector<int64_t>{2, 3}}});
    Value *flat = create(OpKind::Reshape, {mean}, {{"shape", std::vector<int64_t>{1, channels}}});
    Value *hidden = create(OpKind::Gemm, {flat, weights({8, channels}), constant({8}, -1, 1)},
                           {{"transB", true}});
    Value *positive = create(OpKind::Relu, {hidden});
    Value *product = create(OpKind::MatMul, {positive, weights({8, 4})});
    return create(OpKind::Add, {product, constant({4}, -1, 1)});
  }

  const DType dtype_;
  std::mt19937_64 random_;
  std::unique_ptr<Module> module_;
  Function &function_;
  Builder builder_;
  int names_ = 0;
};

} // namespace

std::unique_ptr<Module> randomNetwork(uint64_t seed, DType dtype) {
  return Network(seed, dtype).run();
}

Tensor randomTensor(uint64_t seed, const Dims &dims, DType dtype) {
  std::mt19937_64 random(seed);
  Tensor tensor(dtype, dims);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.setDouble(i, static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  return tensor;
}

} // namespace edgecc::test
