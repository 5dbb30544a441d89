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

// A transposed convolution of random geometry; none where it would have no extent.
std::optional<Layer> randomConvTranspose(std::mt19937 &random) {
  size_t rank = static_cast<size_t>(between(random, 1, 3));
  int64_t group = between(random, 1, 3), in = group * between(random, 1, 3);
  Layer layer{std::make_unique<Module>(), {between(random, 1, 2), in}, ""};
  Dims kernel{in, between(random, 1, 3)};
  std::vector<int64_t> strides, dilations, low, high, extra;
  for (size_t i = 0; i < rank; ++i) {
    layer.input.push_back(between(random, 1, rank == 3 ? 4 : 7));
    kernel.push_back(between(random, 1, 5));
    strides.push_back(between(random, 1, 4));
    dilations.push_back(between(random, 1, 2));
    low.push_back(between(random, 0, 4));
    high.push_back(between(random, 0, 4));
    extra.push_back(between(random, 0, std::max(strides[i], dilations[i]) - 1));
  }
  low.insert(low.end(), high.begin(), high.end());
  Function &function = layer.module->addFunction("main");
  Value *x = function.body.addArgument({DType::F32, layer.input});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(*layer.module, function.body);
  std::vector<Value *> operands{x, builder.constant(smallIntegers(random, kernel))};
  if (random() % 2)
    operands.push_back(builder.constant(smallIntegers(random, {kernel[1] * group})));
  auto op = builder.tryCreate(OpKind::ConvTranspose, operands,
                              {{"dilations", dilations},
                               {"group", group},
                               {"output_padding", extra},
                               {"pads", low},
                               {"strides", strides}});
  if (!op)
    return std::nullopt;
  layer.description = x->type.str() + " -> " + (*op)->result()->type.str();
  Value *result = (*op)->result();
  builder.yield(std::span(&result, 1));
  return layer;
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
    EXPECT_EQ(numbers(run(*layer->module, x)), numbers(wanted)) << "case " << i << ": " << layer->description;
  }
  EXPECT_GT(tried, 300);
}

} // namespace
} // namespace edgecc::test
