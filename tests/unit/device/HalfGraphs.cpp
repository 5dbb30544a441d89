#include "tests/unit/device/HalfGraphs.h"

#include "ir/Builder.h"

#include <random>

namespace edgecc::test {

namespace {

using Ints = std::vector<int64_t>;

class Generator {
public:
  explicit Generator(uint64_t seed)
      : random_(seed * 0x9e3779b97f4a7c15u + 1), module_(std::make_unique<Module>()),
        function_(module_->addFunction("main")), builder_(*module_, function_.body) {}

  HalfGraph run() {
    HalfGraph graph;
    Dims dims{between(0, 9) == 0 ? 2 : 1, between(1, 40), between(5, 33), between(5, 33)};
    bool isBytes = between(0, 3) == 0;
    Value *x = function_.body.addArgument({isBytes ? DType::U8 : DType::F16, dims, 0, {}});
    function_.inputs = {{"x", {}}};
    graph.inputs.push_back(isBytes ? bytes(dims) : random(dims, -2, 2));
    if (isBytes)
      x = create(OpKind::Mul, {create(OpKind::Cast, {x}, {{"to", DType::F16}}),
                               builder_.constant(random({}, 0.01, 0.02), "scale")});
    for (int64_t i = 0, n = between(2, 8); i < n; ++i)
      x = block(x);
    std::vector<Value *> outputs{between(0, 2) ? x : head(x)};
    if (between(0, 2) == 0)
      outputs.push_back(images_[static_cast<size_t>(between(0, std::ssize(images_) - 1))]);
    for (size_t i = 0; i < outputs.size(); ++i)
      function_.outputs.push_back({"y" + std::to_string(i), {}});
    builder_.yield(outputs);
    graph.module = std::move(module_);
    return graph;
  }

private:
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(random_() >> 11) * 0x1p-53);
  }
  Tensor random(const Dims &dims, double low, double high) {
    Tensor content(DType::F16, dims);
    for (int64_t i = 0; i < content.elements(); ++i)
      content.setDouble(i, uniform(low, high));
    return content;
  }
  Tensor bytes(const Dims &dims) {
    Tensor content(DType::U8, dims);
    for (int64_t i = 0; i < content.elements(); ++i)
      content.setDouble(i, static_cast<double>(between(0, 255)));
    return content;
  }
  Value *constant(const Dims &dims, double low, double high) {
    return builder_.constant(random(dims, low, high), "c");
  }
  Value *create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {}) {
    builder_.location = "n" + std::to_string(++names_);
    Value *result = builder_.create(kind, operands, std::move(attributes));
    result->provenance.tensor = "t" + std::to_string(names_);
    return result;
  }

  Value *activation(Value *x) {
    switch (between(0, 7)) {
    case 0:
      return create(OpKind::LeakyRelu, {x});
    case 1:
      return create(OpKind::Sigmoid, {x});
    case 2:
      return create(OpKind::HardSwish, {x});
    case 3:
      return create(OpKind::PRelu, {x, constant({x->dims()[1], 1, 1}, 0, 0.5)});
    case 4:
      return x;
    default:
      return create(OpKind::Relu, {x});
    }
  }

  Value *convolution(Value *x, int64_t outputs = 0) {
    const Dims &d = x->dims();
    int64_t kh = 2 * between(0, 2) + 1, kw = between(0, 4) ? kh : 2 * between(0, 2) + 1;
    int64_t stride = between(0, 3) ? 1 : 2, group = 1;
    if (int64_t kind = between(0, 5); kind == 0)
      group = d[1];
    else if (kind == 1 && d[1] % 2 == 0)
      group = 2;
    int64_t dilation = between(0, 9) ? 1 : 2;
    if (outputs == 0)
      outputs = group == d[1] && group > 1 ? d[1] * between(1, 2) : group * between(1, 24);
    Ints pads{between(0, kh / 2), between(0, kw / 2), between(0, kh / 2), between(0, kw / 2)};
    if (d[2] + pads[0] + pads[2] < (kh - 1) * dilation + 1 ||
        d[3] + pads[1] + pads[3] < (kw - 1) * dilation + 1)
      return activation(x);
    double scale = 1.5 / std::sqrt(static_cast<double>(d[1] / group * kh * kw));
    Value *w = constant({outputs, d[1] / group, kh, kw}, -scale, scale);
    Value *b = between(0, 2) ? constant({outputs}, -0.5, 0.5) : nullptr;
    return activation(create(OpKind::Conv, {x, w, b},
                             {{"group", group},
                              {"strides", Ints{stride, between(0, 9) ? stride : 1}},
                              {"dilations", Ints{dilation, dilation}},
                              {"pads", pads}}));
  }

  Value *pool(Value *x) {
    if (x->dims()[2] < 3 || x->dims()[3] < 3)
      return activation(x);
    int64_t k = between(2, 3), stride = between(1, 2), pad = between(0, k / 2);
    Attributes attributes{{"kernel", Ints{k, k}},
                          {"dilations", Ints{1, 1}},
                          {"strides", Ints{stride, stride}},
                          {"pads", Ints{pad, pad, pad, pad}},
                          {"ceil_mode", between(0, 2) == 0}};
    if (between(0, 1))
      return create(OpKind::MaxPool, {x}, std::move(attributes));
    attributes["count_include_pad"] = between(0, 1) == 0;
    return create(OpKind::AveragePool, {x}, std::move(attributes));
  }

  // What engines with fused pooling run in one instruction.
  Value *pooledConvolution(Value *x) {
    const Dims &d = x->dims();
    int64_t outputs = between(1, 24);
    double scale = 1.5 / std::sqrt(static_cast<double>(d[1] * 9));
    Value *bias = between(0, 1) ? constant({outputs}, -0.5, 0.5) : nullptr;
    Value *y = create(OpKind::Conv, {x, constant({outputs, d[1], 3, 3}, -scale, scale), bias},
                      {{"group", int64_t{1}},
                       {"strides", Ints{1, 1}},
                       {"dilations", Ints{1, 1}},
                       {"pads", Ints{1, 1, 1, 1}}});
    if (d[2] < 2 || d[3] < 2)
      return y;
    return create(OpKind::MaxPool, {between(0, 1) ? activation(y) : y},
                  {{"kernel", Ints{2, 2}},
                   {"dilations", Ints{1, 1}},
                   {"strides", Ints{2, 2}},
                   {"pads", Ints{0, 0, 0, 0}}});
  }

  // Zeros between elements, as for a transposed convolution, or pixels in another order.
  Value *spread(Value *x) {
    const Dims &d = x->dims();
    if (d[2] * d[3] > 400)
      return x;
    Value *y = create(OpKind::Reshape, {x}, {{"shape", Ints{d[0], d[1], d[2], 1, d[3], 1}}});
    y = create(OpKind::Pad, {y}, {{"pads", Ints{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}}});
    return create(OpKind::Reshape, {y}, {{"shape", Ints{d[0], d[1], 2 * d[2], 2 * d[3]}}});
  }

  // An earlier image of the same shape, if there is one.
  Value *like(Value *x) {
    std::vector<Value *> found;
    for (Value *image : images_)
      if (image->dims() == x->dims())
        found.push_back(image);
    return found.empty() ? nullptr : found[static_cast<size_t>(between(0, std::ssize(found) - 1))];
  }

  Value *concat(Value *x) {
    std::vector<Value *> parts{x};
    for (Value *image : images_)
      if (parts.size() < 4 && image->dims()[0] == x->dims()[0] &&
          image->dims()[2] == x->dims()[2] && image->dims()[3] == x->dims()[3] && between(0, 1))
        parts.push_back(image);
    int64_t channels = 0;
    for (Value *part : parts)
      channels += part->dims()[1];
    if (channels > 96)
      return x;
    builder_.location = "n" + std::to_string(++names_);
    return builder_.createOp(OpKind::Concat, parts, {{"axis", int64_t{1}}})->result();
  }

  Value *movement(Value *x) {
    const Dims &d = x->dims();
    switch (between(0, 5)) {
    case 0: { // part of the channels, rows or columns
      auto axis = static_cast<size_t>(between(1, 3));
      Ints starts(4, 0), steps(4, 1), sizes(d.begin(), d.end());
      sizes[axis] = between(1, d[axis]);
      starts[axis] = between(0, d[axis] - sizes[axis]);
      return create(OpKind::Slice, {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
    }
    case 1:
      return create(OpKind::Transpose, {x}, {{"perm", Ints{0, 1, 3, 2}}});
    case 2:
      return create(OpKind::Pad, {x, builder_.constant(random({}, 0, 1), "fill")},
                    {{"pads", Ints{0, between(0, 2), 1, 0, 0, 0, between(0, 2), 1}},
                     {"mode", std::string("constant")}});
    case 3:
      if (d[1] % 4 == 0 && d[2] * d[3] < 600)
        return create(OpKind::DepthToSpace, {x},
                      {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}});
      return x;
    case 4: {
      Value *flat = create(OpKind::Reshape, {x}, {{"shape", Ints{d[0], d[1], d[2] * d[3]}}});
      flat = activation3(flat);
      return create(OpKind::Reshape, {flat}, {{"shape", Ints(d.begin(), d.end())}});
    }
    default:
      if (d[1] % 2 == 0) { // channel shuffle
        Value *y = create(OpKind::Reshape, {x}, {{"shape", Ints{d[0], 2, d[1] / 2, d[2], d[3]}}});
        y = create(OpKind::Transpose, {y}, {{"perm", Ints{0, 2, 1, 3, 4}}});
        return create(OpKind::Reshape, {y}, {{"shape", Ints(d.begin(), d.end())}});
      }
      return x;
    }
  }

  Value *activation3(Value *x) {
    int64_t channels = x->dims()[1];
    if (between(0, 1))
      return create(OpKind::Relu, {x});
    Value *w = constant({channels, channels, 3}, -0.2, 0.2); // along one axis
    return create(OpKind::Conv, {x, w, nullptr},
                  {{"group", int64_t{1}},
                   {"strides", Ints{1}},
                   {"dilations", Ints{1}},
                   {"pads", Ints{1, 1}}});
  }

  // Squeeze and excite.
  Value *excite(Value *x) {
    Value *mean = create(OpKind::ReduceMean, {x}, {{"axes", Ints{2, 3}}, {"keepdims", true}});
    Value *w = constant({x->dims()[1], x->dims()[1], 1, 1}, -0.3, 0.3);
    Value *gate = create(OpKind::Conv, {mean, w, nullptr},
                         {{"group", int64_t{1}},
                          {"strides", Ints{1, 1}},
                          {"dilations", Ints{1, 1}},
                          {"pads", Ints{0, 0, 0, 0}}});
    return create(OpKind::Mul, {x, create(OpKind::Sigmoid, {gate})});
  }

  Value *block(Value *x) {
    Value *y = x;
    switch (between(0, 11)) {
    case 10:
      y = pooledConvolution(x);
      break;
    case 11:
      y = spread(x);
      break;
    case 0:
    case 1:
    case 2:
    case 3:
      y = convolution(x);
      break;
    case 4:
      y = pool(x);
      break;
    case 5: {
      Value *other = like(x);
      // Bounded: the sign of a NaN means nothing.
      y = other ? create(OpKind::Clip,
                         {create(between(0, 1) ? OpKind::Add : OpKind::Mul, {x, other}),
                          builder_.scalar(DType::F16, -8), builder_.scalar(DType::F16, 8)})
                : create(OpKind::Mul, {x, constant({x->dims()[1], 1, 1}, 0.5, 1.5)});
      break;
    }
    case 6:
      y = concat(x);
      break;
    case 7:
      y = excite(x);
      break;
    default:
      y = movement(x);
    }
    images_.push_back(y);
    return y;
  }

  Value *head(Value *x) {
    const Dims &d = x->dims();
    int64_t features = d[1] * d[2] * d[3], outputs = between(1, 70);
    Value *flat = create(OpKind::Reshape, {x}, {{"shape", Ints{d[0], features}}});
    double scale = 1 / std::sqrt(static_cast<double>(features));
    Value *w = constant({features, outputs}, -scale, scale);
    Value *y = between(0, 1) ? create(OpKind::Gemm, {flat, w, constant({outputs}, -1, 1)})
                             : create(OpKind::MatMul, {flat, w});
    return between(0, 1) ? create(OpKind::Softmax, {y}, {{"axis", int64_t{1}}}) : y;
  }

  std::mt19937_64 random_;
  std::unique_ptr<Module> module_;
  Function &function_;
  Builder builder_;
  std::vector<Value *> images_; // of rank 4
  int names_ = 0;
};

} // namespace

HalfGraph generateHalf(uint64_t seed) { return Generator(seed).run(); }

} // namespace edgecc::test
