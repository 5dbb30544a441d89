// The rewrites that suit hardware compute what the layer before them did. With small integers as
// weights and inputs, sums of products are exact in f32, so results must be equal.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "passes/PassManager.h"
#include "passes/compress/Compression.h"

#include <gtest/gtest.h>
#include <random>

namespace edgecc::test {
namespace {

Tensor smallIntegers(std::mt19937 &random, Dims dims) {
  Tensor tensor(DType::F32, std::move(dims));
  for (float &x : tensor.mutableData<float>())
    x = static_cast<float>(static_cast<int>(random() % 17) - 8);
  return tensor;
}

int64_t between(std::mt19937 &random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

std::vector<Tensor> run(const Module &module, const Tensor &x) {
  ReferenceExecutor executor;
  auto outputs = executor.run(module.main(), std::span(&x, 1));
  EXPECT_TRUE(outputs) << str(outputs.error());
  return outputs ? *outputs : std::vector<Tensor>{};
}

// The numbers of the first output; -0 equals 0.
std::vector<double> numbers(const std::vector<Tensor> &outputs) {
  std::vector<double> out;
  for (int64_t i = 0; i < outputs.at(0).elements(); ++i)
    out.push_back(outputs[0].asDouble(i));
  return out;
}

Statistics apply(Module &module, const std::string &call) {
  Registry registry;
  registerBuiltinPasses(registry);
  ReferenceExecutor executor;
  PassManagerOptions options;
  options.executor = &executor;
  options.verifyEach = true;
  auto reports = runPasses(module, *registry.parse(call), options);
  EXPECT_TRUE(reports) << str(reports.error());
  return reports ? reports->front().statistics : Statistics{};
}

size_t count(const Module &module, OpKind kind) {
  size_t found = 0;
  walk(module.main().body, [&](const Op &op) { found += op.kind() == kind; });
  return found;
}

struct Layer {
  std::unique_ptr<Module> module;
  Dims input;
  std::string description;
};

// A module of one op with random weights and, half of the time, a bias of `outputs` entries; none
// where the op would have no extent.
std::optional<Layer> layerOf(std::mt19937 &random, OpKind kind, const Dims &input,
                             const Dims &kernel, int64_t outputs, const Attributes &attributes) {
  Layer layer{std::make_unique<Module>(), input, ""};
  Function &function = layer.module->addFunction("main");
  Value *x = function.body.addArgument({DType::F32, input});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(*layer.module, function.body);
  std::vector<Value *> operands{x, builder.constant(smallIntegers(random, kernel))};
  if (random() % 2)
    operands.push_back(builder.constant(smallIntegers(random, {outputs})));
  auto op = builder.tryCreate(kind, operands, attributes);
  if (!op)
    return std::nullopt;
  Value *result = (*op)->result();
  layer.description = x->type.str() + " -> " + result->type.str();
  builder.yield(std::span(&result, 1));
  return layer;
}

// A transposed convolution of random geometry; none where it would have no extent.
std::optional<Layer> randomConvTranspose(std::mt19937 &random) {
  size_t rank = static_cast<size_t>(between(random, 1, 3));
  int64_t group = between(random, 1, 3), in = group * between(random, 1, 3);
  Dims input{between(random, 1, 2), in};
  Dims kernel{in, between(random, 1, 3)};
  std::vector<int64_t> strides, dilations, low, high, extra;
  for (size_t i = 0; i < rank; ++i) {
    input.push_back(between(random, 1, rank == 3 ? 4 : 7));
    kernel.push_back(between(random, 1, 5));
    strides.push_back(between(random, 1, 4));
    dilations.push_back(between(random, 1, 2));
    low.push_back(between(random, 0, 4));
    high.push_back(between(random, 0, 4));
    extra.push_back(between(random, 0, std::max(strides[i], dilations[i]) - 1));
  }
  low.insert(low.end(), high.begin(), high.end());
  return layerOf(random, OpKind::ConvTranspose, input, kernel, kernel[1] * group,
                 {{"dilations", dilations},
                  {"group", group},
                  {"output_padding", extra},
                  {"pads", low},
                  {"strides", strides}});
}

TEST(TransposedConvToPixelShuffle, IsExactForEveryGeometry) {
  std::mt19937 random(1);
  int tried = 0;
  for (int i = 0; i < 600; ++i) {
    auto layer = randomConvTranspose(random);
    if (!layer)
      continue;
    ++tried;
    Tensor x = smallIntegers(random, layer->input);
    std::vector<Tensor> wanted = run(*layer->module, x);
    apply(*layer->module, "transposed-conv-to-pixel-shuffle");
    EXPECT_EQ(count(*layer->module, OpKind::ConvTranspose), 0u) << layer->description;
    EXPECT_EQ(numbers(run(*layer->module, x)), numbers(wanted))
        << "case " << i << ": " << layer->description;
  }
  EXPECT_GT(tried, 300);
}

// A convolution of random geometry; none where it would have no extent.
std::optional<Layer> randomConv(std::mt19937 &random, size_t rank, int64_t group,
                                bool sameStrides) {
  int64_t in = group * between(random, 1, 3);
  Dims input{between(random, 1, 2), in};
  Dims kernel{group * between(random, 1, 3), in / group};
  std::vector<int64_t> strides, dilations, low, high;
  for (size_t i = 0; i < rank; ++i) {
    input.push_back(between(random, 1, 12));
    kernel.push_back(between(random, 1, 9));
    strides.push_back(sameStrides && i > 0 ? strides[0] : between(random, 1, 4));
    dilations.push_back(between(random, 1, 2));
    low.push_back(between(random, 0, 5));
    high.push_back(between(random, 0, 5));
  }
  low.insert(low.end(), high.begin(), high.end());
  return layerOf(random, OpKind::Conv, input, kernel, kernel[0],
                 {{"dilations", dilations}, {"group", group}, {"pads", low}, {"strides", strides}});
}

TEST(SpaceToDepthInput, IsExactForEveryGeometry) {
  std::mt19937 random(2);
  int rewritten = 0;
  for (int i = 0; i < 400; ++i) {
    auto layer = randomConv(random, 2, 1, true);
    if (!layer)
      continue;
    Tensor x = smallIntegers(random, layer->input);
    std::vector<Tensor> wanted = run(*layer->module, x);
    Statistics done = apply(*layer->module, "space-to-depth-input");
    rewritten += done.count("strided input convolutions with space-to-depth") > 0;
    EXPECT_EQ(numbers(run(*layer->module, x)), numbers(wanted))
        << "case " << i << ": " << layer->description;
  }
  EXPECT_GT(rewritten, 100);
}

TEST(SplitLargeKernels, IsExactForEveryGeometry) {
  std::mt19937 random(3);
  int64_t parts = 0;
  for (int i = 0; i < 400; ++i) {
    auto layer = randomConv(random, static_cast<size_t>(between(random, 1, 3)),
                            between(random, 1, 2), false);
    if (!layer)
      continue;
    Tensor x = smallIntegers(random, layer->input);
    std::vector<Tensor> wanted = run(*layer->module, x);
    Statistics done = apply(*layer->module, "split-large-kernels{max-kernel=3}");
    parts += done.count("parts of large kernels");
    EXPECT_EQ(numbers(run(*layer->module, x)), numbers(wanted))
        << "case " << i << ": " << layer->description;
  }
  EXPECT_GT(parts, 200);
}

TEST(DilatedConvToPhases, IsExactForEveryGeometry) {
  std::mt19937 random(4);
  int64_t rewritten = 0;
  for (int i = 0; i < 600; ++i) {
    auto layer = randomConv(random, 2, 1, true);
    if (!layer)
      continue;
    Tensor x = smallIntegers(random, layer->input);
    std::vector<Tensor> wanted = run(*layer->module, x);
    Statistics done = apply(*layer->module, "dilated-conv-to-phases");
    rewritten += done.count("dilated convolutions over phases");
    EXPECT_EQ(numbers(run(*layer->module, x)), numbers(wanted))
        << "case " << i << ": " << layer->description;
  }
  EXPECT_GT(rewritten, 30);
}

// A kernel that is a product of a column and a row has rank 1 and loses nothing.
TEST(Factorize, KeepsAKernelOfLowRank) {
  Module module;
  Function &function = module.addFunction("main");
  Value *x = function.body.addArgument({DType::F32, {1, 4, 9, 8}});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  std::mt19937 random(4);
  Tensor column = smallIntegers(random, {4, 3}), row = smallIntegers(random, {6, 3});
  Tensor w(DType::F32, {6, 4, 3, 3});
  for (int64_t i = 0; i < w.elements(); ++i)
    w.setDouble(i, column.asDouble(i / 9 % 4 * 3 + i / 3 % 3) * row.asDouble(i / 36 * 3 + i % 3));
  Builder builder(module, function.body);
  Value *y = builder.create(OpKind::Conv,
                            {x, builder.constant(w), builder.constant(smallIntegers(random, {6}))},
                            {{"dilations", std::vector<int64_t>{1, 1}},
                             {"pads", std::vector<int64_t>{1, 0, 2, 1}},
                             {"strides", std::vector<int64_t>{2, 1}}});
  builder.yield(std::span(&y, 1));
  Tensor input = smallIntegers(random, {1, 4, 9, 8});
  std::vector<double> wanted = numbers(run(module, input));
  Statistics done = apply(module, "factorize{macs=0.4}");
  EXPECT_EQ(done.count("convolutions factorised"), 1);
  EXPECT_EQ(count(module, OpKind::Conv), 2u);
  std::vector<double> found = numbers(run(module, input));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], 0.02) << i; // values up to some thousands, factors are rounded
}

TEST(Factorize, LeavesAKernelThatWouldLoseTooMuch) {
  std::mt19937 random(5);
  Module module;
  Function &function = module.addFunction("main");
  Value *x = function.body.addArgument({DType::F32, {1, 4, 9, 8}});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(module, function.body);
  Value *y =
      builder.create(OpKind::Conv, {x, builder.constant(smallIntegers(random, {6, 4, 3, 3}))},
                     {{"dilations", std::vector<int64_t>{1, 1}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                      {"strides", std::vector<int64_t>{1, 1}}});
  builder.yield(std::span(&y, 1));
  apply(module, "factorize{macs=0.3,min-energy=0.99}");
  EXPECT_EQ(count(module, OpKind::Conv), 1u);
}

} // namespace
} // namespace edgecc::test
