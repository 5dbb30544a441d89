#include "bench/zoo/Layers.h"

#include <cassert>
#include <cstdlib>
#include <fmt/format.h>
#include <new>
#include <numeric>

namespace edgecc::zoo {

namespace {

// Zeros from calloc, which leaves large blocks to the system's untouched pages.
Tensor lazyZeros(Dims dims) {
  size_t bytes = static_cast<size_t>(numBytes(DType::F32, dims));
  std::shared_ptr<void> block(std::calloc(bytes, 1), std::free);
  if (!block)
    throw std::bad_alloc();
  const auto *data = static_cast<const std::byte *>(block.get());
  return {DType::F32, std::move(dims), std::move(block), data};
}

Dims repeated(int64_t value, size_t count) { return Dims(count, value); }

Dims bothSides(const Dims &pads) {
  Dims result = pads;
  result.insert(result.end(), pads.begin(), pads.end());
  return result;
}

Dims withExtent(Dims dims, int64_t axis, int64_t extent) {
  dims[static_cast<size_t>(axis)] = extent;
  return dims;
}

int64_t extentOf(const Value *x, int64_t axis) { return x->dims()[static_cast<size_t>(axis)]; }

int64_t rankOf(const Value *x) { return static_cast<int64_t>(x->dims().size()); }

} // namespace

Net::Net(std::string name)
    : module_(std::make_unique<Module>()), function_(module_->addFunction("main")),
      builder_(*module_, function_.body) {
  module_->name = std::move(name);
}

Value *Net::input(Dims dims, std::string name) {
  Value *value = function_.body.addArgument({DType::F32, std::move(dims), 0, {}});
  value->provenance.tensor = name;
  function_.inputs.push_back({std::move(name), {}});
  return value;
}

void Net::output(Value *value, std::string name) {
  if (name.empty())
    name = fmt::format("output{}", outputs_.size());
  function_.outputs.push_back({std::move(name), {}});
  outputs_.push_back(value);
}

std::unique_ptr<Module> Net::finish() {
  builder_.yield(outputs_);
  return std::move(module_);
}

Value *Net::create(OpKind kind, std::span<Value *const> operands, Attributes attributes) {
  builder_.location = fmt::format("{}_{}", defOf(kind).name, numbers_[kind]++);
  Value *result = builder_.createOp(kind, operands, std::move(attributes))->result();
  result->provenance.tensor = builder_.location;
  return result;
}

Value *Net::create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes) {
  return create(kind, std::span<Value *const>(operands.begin(), operands.size()),
                std::move(attributes));
}

Value *Net::weight(Dims dims, std::string_view name) {
  Parameter &parameter =
      module_->addParameter(std::string(name), lazyZeros(std::move(dims)), /*trainable=*/true);
  return builder_.parameter(parameter);
}

Value *Net::table(Dims dims, std::string_view name) {
  return builder_.constant(lazyZeros(std::move(dims)), name);
}

Value *Net::constantOf(double value) {
  Value *&constant = constants_[value];
  if (!constant)
    constant = builder_.scalar(DType::F32, value);
  return constant;
}

// --- convolutions ---

Value *Net::convNd(Value *x, int64_t channels, const Dims &kernel, const Dims &strides,
                   const Dims &pads, Act activation, int64_t groups, int64_t dilation, bool bias) {
  Dims weights{channels, channelsOf(x) / groups};
  weights.insert(weights.end(), kernel.begin(), kernel.end());
  Value *w = weight(std::move(weights), "weight");
  Value *b = bias ? weight({channels}, "bias") : nullptr;
  Value *y = create(OpKind::Conv, {x, w, b},
                    {{"strides", strides},
                     {"dilations", repeated(dilation, kernel.size())},
                     {"pads", bothSides(pads)},
                     {"group", groups}});
  return act(y, activation);
}

Value *Net::conv(Value *x, int64_t channels, const Window &window) {
  int64_t pad = window.pad >= 0 ? window.pad : window.dilation * (window.kernel - 1) / 2;
  return convNd(x, channels, repeated(window.kernel, 2), repeated(window.stride, 2),
                repeated(pad, 2), window.act, window.groups, window.dilation, window.bias);
}

Value *Net::depthwise(Value *x, const Window &window) {
  Window each = window;
  each.groups = channelsOf(x);
  return conv(x, channelsOf(x), each);
}

Value *Net::deconv(Value *x, int64_t channels, int64_t kernel, int64_t stride, Act activation) {
  assert((kernel - stride) % 2 == 0 && "the padding would have to differ between the sides");
  Value *w = weight({channelsOf(x), channels, kernel, kernel}, "weight");
  Value *b = weight({channels}, "bias");
  Value *y = create(OpKind::ConvTranspose, {x, w, b},
                    {{"strides", repeated(stride, 2)},
                     {"dilations", repeated(1, 2)},
                     {"pads", repeated((kernel - stride) / 2, 4)},
                     {"output_padding", repeated(0, 2)}});
  return act(y, activation);
}

Value *Net::linear(Value *x, int64_t features, Act activation, bool bias) {
  int64_t inputs = x->dims().back();
  Value *y = nullptr;
  if (rankOf(x) == 2) {
    Value *w = weight({features, inputs}, "weight");
    Value *b = bias ? weight({features}, "bias") : nullptr;
    y = create(OpKind::Gemm, {x, w, b}, {{"transB", true}});
  } else {
    y = create(OpKind::MatMul, {x, weight({inputs, features}, "weight")});
    if (bias)
      y = create(OpKind::Add, {y, weight({features}, "bias")});
  }
  return act(y, activation);
}

// --- element by element ---

Value *Net::act(Value *x, Act act) {
  switch (act) {
  case Act::None:
    return x;
  case Act::Relu:
    return create(OpKind::Relu, {x});
  case Act::Relu6:
    return create(OpKind::Clip, {x, constantOf(0), constantOf(6)});
  case Act::Leaky: // the slope that Darknet uses
    return create(OpKind::LeakyRelu, {x}, {{"alpha", 0.1}});
  case Act::Silu:
    return create(OpKind::Swish, {x});
  case Act::HardSwish:
    return create(OpKind::HardSwish, {x});
  case Act::HardSigmoid:
    return create(OpKind::HardSigmoid, {x}, {{"alpha", 1.0 / 6}});
  case Act::Sigmoid:
    return create(OpKind::Sigmoid, {x});
  case Act::Gelu:
    return create(OpKind::Gelu, {x});
  }
  std::abort();
}

Value *Net::add(Value *a, Value *b, Act activation) {
  return act(create(OpKind::Add, {a, b}), activation);
}

Value *Net::sub(Value *a, Value *b) { return create(OpKind::Sub, {a, b}); }

Value *Net::mul(Value *a, Value *b) { return create(OpKind::Mul, {a, b}); }

Value *Net::scale(Value *x, double factor) { return create(OpKind::Mul, {x, constantOf(factor)}); }

// --- pooling and resampling ---

static Attributes poolAttributes(int64_t kernel, int64_t stride, const Dims &pads, bool ceil) {
  return {{"kernel", repeated(kernel, 2)},
          {"strides", repeated(stride, 2)},
          {"dilations", repeated(1, 2)},
          {"pads", pads},
          {"ceil_mode", ceil}};
}

Value *Net::maxPool(Value *x, int64_t kernel, int64_t stride, int64_t pad, bool ceil) {
  if (pad < 0)
    pad = (kernel - 1) / 2;
  return create(OpKind::MaxPool, {x}, poolAttributes(kernel, stride, repeated(pad, 4), ceil));
}

Value *Net::maxPool(Value *x, int64_t kernel, int64_t stride, const Dims &pads) {
  return create(OpKind::MaxPool, {x}, poolAttributes(kernel, stride, pads, /*ceil=*/false));
}

Value *Net::averagePool(Value *x, int64_t kernel, int64_t stride, int64_t pad, bool ceil) {
  return create(OpKind::AveragePool, {x}, poolAttributes(kernel, stride, repeated(pad, 4), ceil));
}

Value *Net::globalAverage(Value *x) {
  Dims axes(x->dims().size() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return create(OpKind::ReduceMean, {x}, {{"axes", std::move(axes)}});
}

Value *Net::upsample(Value *x, int64_t factor) {
  double scale = static_cast<double>(factor);
  return create(
      OpKind::Resize, {x},
      {{"sizes", Dims{x->dims()[0], channelsOf(x), heightOf(x) * factor, widthOf(x) * factor}},
       {"scales", std::vector<double>{1, 1, scale, scale}},
       {"coordinate_mode", std::string("asymmetric")},
       {"nearest_mode", std::string("floor")}});
}

Value *Net::resize(Value *x, int64_t height, int64_t width) {
  std::vector<double> scales{1, 1, static_cast<double>(height) / static_cast<double>(heightOf(x)),
                             static_cast<double>(width) / static_cast<double>(widthOf(x))};
  return create(OpKind::Resize, {x},
                {{"sizes", Dims{x->dims()[0], channelsOf(x), height, width}},
                 {"scales", std::move(scales)},
                 {"mode", std::string("linear")},
                 {"coordinate_mode", std::string("align_corners")}});
}

// --- normalisation ---

Value *Net::layerNorm(Value *x, double epsilon) {
  int64_t features = x->dims().back();
  Value *scale = weight({features}, "scale");
  Value *bias = weight({features}, "bias");
  return create(OpKind::LayerNormalization, {x, scale, bias},
                {{"axis", rankOf(x) - 1}, {"epsilon", epsilon}});
}

Value *Net::batchNorm(Value *x) {
  Dims each{channelsOf(x)};
  Value *scale = weight(each, "scale"), *bias = weight(each, "bias");
  Value *mean = table(each, "mean"), *variance = table(each, "variance");
  return create(OpKind::BatchNormalization, {x, scale, bias, mean, variance});
}

Value *Net::softmax(Value *x, int64_t axis) {
  return create(OpKind::Softmax, {x}, {{"axis", axis}});
}

Value *Net::matmul(Value *a, Value *b) { return create(OpKind::MatMul, {a, b}); }

Value *Net::localResponseNorm(Value *x) { return create(OpKind::LRN, {x}, {{"size", int64_t{5}}}); }

// --- shapes ---

Value *Net::concat(const std::vector<Value *> &values, int64_t axis) {
  return create(OpKind::Concat, std::span<Value *const>(values), {{"axis", axis}});
}

std::vector<Value *> Net::split(Value *x, int64_t parts, int64_t axis) {
  assert(extentOf(x, axis) % parts == 0);
  int64_t size = extentOf(x, axis) / parts;
  std::vector<Value *> result;
  for (int64_t i = 0; i < parts; ++i)
    result.push_back(slice(x, axis, i * size, size));
  return result;
}

Value *Net::slice(Value *x, int64_t axis, int64_t start, int64_t size, int64_t step) {
  Dims zeros(x->dims().size(), 0), ones(x->dims().size(), 1);
  return create(OpKind::Slice, {x},
                {{"starts", withExtent(zeros, axis, start)},
                 {"sizes", withExtent(x->dims(), axis, size)},
                 {"steps", withExtent(ones, axis, step)}});
}

Value *Net::reshape(Value *x, Dims dims) {
  return create(OpKind::Reshape, {x}, {{"shape", std::move(dims)}});
}

Value *Net::transpose(Value *x, Dims perm) {
  return create(OpKind::Transpose, {x}, {{"perm", std::move(perm)}});
}

Value *Net::flatten(Value *x) {
  return reshape(x, {x->dims()[0], x->type.elements() / x->dims()[0]});
}

Value *Net::spaceToDepth(Value *x, int64_t block) {
  return create(OpKind::SpaceToDepth, {x}, {{"blocksize", block}});
}

Value *Net::shuffleChannels(Value *x, int64_t groups) {
  int64_t c = channelsOf(x), h = heightOf(x), w = widthOf(x);
  Value *grouped = reshape(x, {1, groups, c / groups, h, w});
  return reshape(transpose(grouped, {0, 2, 1, 3, 4}), {1, c, h, w});
}

Value *Net::maxOver(Value *x, int64_t axis) {
  return create(OpKind::ReduceMax, {x}, {{"axes", Dims{axis}}});
}

// --- common ends ---

Value *Net::classifier(Value *x, int64_t classes) {
  return linear(flatten(globalAverage(x)), classes);
}

int64_t roundChannels(double value, int64_t divisor) {
  auto nearest = static_cast<int64_t>(value + static_cast<double>(divisor) / 2) / divisor * divisor;
  int64_t result = std::max(divisor, nearest);
  return static_cast<double>(result) < 0.9 * value ? result + divisor : result;
}

} // namespace edgecc::zoo
