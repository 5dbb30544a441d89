// What a quantised network computes: how far it is from the float one, that native code computes
// exactly what the reference does, and which layers are quantised at all.
#include "backends/reference/ReferenceExecutor.h"
#include "driver/NativeExecutor.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/Compression.h"
#include "passes/compress/precision/OutputError.h"
#include "passes/compress/precision/Sensitivity.h"
#include "passes/compress/quantization/Layer.h"
#include "passes/compress/quantization/Points.h"
#include "tests/support/NativeRunner.h"
#include "tests/support/SharedData.h"
#include "tests/unit/passes/compress/RandomNetwork.h"

#include <gmock/gmock.h>

namespace edgecc::test {
namespace {

using testing::HasSubstr;

class RandomData : public DataSource {
public:
  explicit RandomData(Dims dims, size_t size = 6) : dims_(std::move(dims)), size_(size) {}
  size_t size() const override { return size_; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return std::vector<Tensor>{randomTensor(1000 + index, dims_)};
  }

private:
  Dims dims_;
  size_t size_;
};

// Runs passes as the compiler does, on native code.
struct Runner {
  driver::NativeExecutor executor;
  ReferenceExecutor reference;
  Compression compression;
  const TargetModel *target = nullptr;

  explicit Runner(DataSource *data = nullptr) { compression.data = data; }

  Expected<std::vector<PassReport>> run(Module &module, const std::string &calls,
                                        Executor *on = nullptr) {
    Registry registry;
    registerBuiltinPasses(registry);
    EDGECC_TRY(passes, registry.parse(calls));
    PassManagerOptions options;
    options.executor = on ? on : &executor;
    options.target = target;
    options.compression = &compression;
    options.verifyEach = true;
    return runPasses(module, passes, options);
  }
};

constexpr const char *kCanonicalize = "fold,simplify,fold-batch-norm,fold-pad,simplify,fold,"
                                      "dead-code";

double sqnr(const Module &want, const Module &have, size_t samples = 3) {
  OutputError error;
  ReferenceExecutor reference;
  for (size_t i = 0; i < samples; ++i) {
    Tensor x = randomTensor(5000 + i, want.main().body.argument(0)->dims());
    auto a = reference.run(want.main(), {&x, 1}), b = reference.run(have.main(), {&x, 1});
    EXPECT_TRUE(a && b);
    if (a && b)
      error.add(*a, *b);
  }
  return error.sqnr();
}

// The reference on the module after lowering against compiled code: the same integers, so only what
// float ops before the outputs round differs.
void expectNativeEqual(const Module &quantized, const Tensor &x) {
  std::unique_ptr<Module> lowered = clone(quantized);
  Runner runner;
  std::string calls;
  Registry registry;
  registerBuiltinPasses(registry);
  PassManagerOptions options;
  options.executor = &runner.reference;
  ASSERT_TRUE(runPasses(*lowered, buildPipeline(registry).lowering, options));
  auto want = runner.reference.run(lowered->main(), {&x, 1});
  auto have = runNative(quantized, {&x, 1});
  ASSERT_TRUE(want) << str(want.error());
  ASSERT_TRUE(have) << str(have.error());
  OutputError error;
  error.add(*want, *have);
  EXPECT_GT(error.sqnr(), 105);
}

class QuantizedNetwork : public testing::TestWithParam<uint64_t> {
protected:
  void SetUp() override {
    Runner runner;
    module = randomNetwork(GetParam(), DType::F32);
    ASSERT_TRUE(runner.run(*module, kCanonicalize, &runner.reference));
    data = std::make_unique<RandomData>(module->main().body.argument(0)->dims());
    input = randomTensor(1, module->main().body.argument(0)->dims());
  }

  std::unique_ptr<Module> quantized(const std::string &options) {
    std::unique_ptr<Module> copy = clone(*module);
    Runner runner(data.get());
    auto done =
        runner.run(*copy, "calibrate,quantize{" + options + "},fold,dead-code", &runner.reference);
    EXPECT_TRUE(done) << str(done.error());
    return copy;
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<RandomData> data;
  Tensor input;
};

// On networks whose channels differ by factors of 64, which 8 bits for a tensor bear badly;
// measured are at least 6.8 dB, 39 dB with 16 bits, and 10 dB with 8-bit weights alone.
TEST_P(QuantizedNetwork, IsCloseToTheFloatOne) {
  EXPECT_GT(sqnr(*module, *quantized("only-if-faster=false")), 6);
  double wide = sqnr(*module, *quantized("only-if-faster=false,activations=i16,weights=i16"));
  EXPECT_GT(wide, 36);
  EXPECT_GT(sqnr(*module, *quantized("activations=f32")), 9);
}

TEST_P(QuantizedNetwork, IsCompiledAsTheReferenceComputesIt) {
  expectNativeEqual(*quantized("only-if-faster=false"), input);
  expectNativeEqual(*quantized("activations=dynamic"), input);
  expectNativeEqual(*quantized("activations=f32,weights=i4,block=2"), input);
  expectNativeEqual(*quantized("only-if-faster=false,activations=i16"), input);
}

TEST_P(QuantizedNetwork, IsTheFloatOneWithoutItsPairs) {
  std::unique_ptr<Module> copy = clone(*module);
  Runner runner(data.get());
  ASSERT_TRUE(runner.run(*copy, "calibrate,quantize{activations=f32}", &runner.reference));
  auto a = runner.reference.run(module->main(), {&input, 1});
  auto b = runner.reference.run(withoutQuantization(*copy)->main(), {&input, 1});
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a)[0], (*b)[0]);
}

TEST_P(QuantizedNetwork, KeepsBiasesThroughTheHelpers) {
  std::unique_ptr<Module> copy = clone(*module);
  Runner runner(data.get());
  ASSERT_TRUE(runner.run(*copy, "calibrate,quantize{only-if-faster=false}", &runner.reference));
  size_t layers = 0;
  for (Op *layer : quantizedLayers(copy->main())) {
    auto bias = biasOf(*layer);
    if (!bias || layer->kind() == OpKind::MatMul)
      continue;
    ++layers;
    for (double &b : *bias)
      b += 0.25;
    setBias(*copy, *layer, *bias);
    auto again = biasOf(*layer);
    ASSERT_TRUE(again);
    auto x = scaleOfValue(layer->operand(0));
    QuantizedWeights weights = *quantizedWeights(*layer);
    WeightLayout layout = *weightLayout(*layer);
    ASSERT_TRUE(x);
    for (size_t c = 0; c < bias->size(); ++c) { // to half a unit of the accumulator
      int64_t index = layout.indexOfChannel(static_cast<int64_t>(c));
      EXPECT_NEAR((*again)[c], (*bias)[c], 0.501 * x->scale * weights.scale.asDouble(index) + 1e-6);
    }
  }
  EXPECT_GT(layers, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, QuantizedNetwork, testing::Range<uint64_t>(2, 6));

// --- which layers ---

class Machine : public TargetModel {
public:
  std::string name() const override { return "slow machine"; }
  std::string whyIllegal(const Op &) const override { return {}; }
  double cost(const Op &) const override { return 1; }
  double costAs(const Op &op, DType activations, DType) const override {
    return op.location == "slow" && activations != DType::F32 ? 3
           : activations == DType::F32                        ? 2
                                                              : 1;
  }
  int64_t channelMultiple(DType) const override { return 1; }
  bool prefersChannelsLast() const override { return false; }
};

constexpr const char *kThree = R"(
module "three" {
  param @w : f32[2x2x1x1] = [1, 2, 3, -4]
  func @main(%0: f32[1x2x4x4] "x" from "x") -> ("y") {
    %1 = Param @w : f32[2x2x1x1]
    %2 = Conv(%0, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x4x4] from "a" loc "first"
    %3 = Conv(%2, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x4x4] from "b" loc "slow"
    %4 = Conv(%3, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x4x4] from "c" loc "last"
    %5 = Softmax(%4) {axis = 1} : f32[1x2x4x4] from "d" loc "softmax"
    %6 = Conv(%5, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x4x4] from "y" loc "behind"
    Yield(%6)
  }
}
)";

// The noise that switches measure is that of a network with only this layer quantised.
TEST(Sensitivity, IsThatOfTheLayerQuantisedAlone) {
  auto parsed = parse(kThree, "three");
  ASSERT_TRUE(parsed) << str(parsed.error());
  Module *module = parsed->get();
  RandomData data({1, 2, 4, 4}, 3);
  Runner runner(&data);
  ASSERT_TRUE(runner.run(*module, "calibrate"));
  std::vector<const Op *> layers;
  for (const auto &op : module->main().body.ops())
    if (quantizationRole(*op) == QuantizationRole::Contraction)
      layers.push_back(op.get());
  ASSERT_EQ(layers.size(), 4U);
  auto noise = measureSensitivity(*module, layers, {DType::I4, DType::U8},
                                  runner.compression.calibration, data, 3, runner.executor, [] {});
  ASSERT_TRUE(noise) << str(noise.error());
  for (size_t l = 0; l < layers.size(); ++l) {
    std::unique_ptr<Module> alone = clone(*module);
    Runner one(&data);
    one.compression.calibration = runner.compression.calibration;
    one.compression.precisions[nameOfLayer(*layers[l])] = {DType::I4, DType::U8};
    ASSERT_TRUE(one.run(*alone, "quantize{weights=f32,activations=f32,only-if-faster=false}"));
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      auto x = data.sample(i);
      OutputError error;
      error.add(*one.reference.run(module->main(), *x), *one.reference.run(alone->main(), *x));
      sum += error.relative() / 3;
    }
    EXPECT_NEAR((*noise)[l], sum, 0.05 * sum + 1e-9) << nameOfLayer(*layers[l]);
  }
}

std::vector<std::string> notesOn(const Compression &compression, const std::string &layer) {
  std::vector<std::string> texts;
  for (const Note &note : compression.notes)
    if (note.layer == layer)
      texts.push_back(note.text);
  return texts;
}

TEST(Quantize, LeavesLayersFloatThatWouldBeSlower) {
  auto module = parse(kThree, "three");
  ASSERT_TRUE(module) << str(module.error());
  RandomData data({1, 2, 4, 4});
  Machine machine;
  Runner runner(&data);
  runner.target = &machine;
  ASSERT_TRUE(runner.run(**module, "calibrate,quantize"));
  std::set<std::string> quantized;
  for (const Op *layer : quantizedLayers((*module)->main()))
    quantized.insert(layer->location);
  EXPECT_THAT(quantized, testing::ElementsAre("behind", "first", "last"));
  EXPECT_THAT(notesOn(runner.compression, "slow"),
              testing::ElementsAre(HasSubstr("by the cost model of slow machine")));
  EXPECT_THAT(notesOn(runner.compression, "softmax"),
              testing::ElementsAre(HasSubstr("floating point between quantised layers")));
}

TEST(Quantize, TakesThePrecisionOfEachLayerFromTheTable) {
  auto module = parse(kThree, "three");
  ASSERT_TRUE(module);
  RandomData data({1, 2, 4, 4});
  Runner runner(&data);
  runner.compression.precisions["first"] = {DType::F32, DType::F32};
  runner.compression.precisions["slow"] = {DType::I4, DType::U8};
  runner.compression.precisions["last"] = {DType::I8, DType::I16};
  runner.compression.precisions["behind"] = {DType::I8, DType::F32};
  ASSERT_TRUE(runner.run(**module, "calibrate,quantize{only-if-faster=false}"));
  std::map<std::string, std::pair<DType, DType>> types;
  for (Op *layer : quantizedLayers((*module)->main())) {
    auto x = scaleOfValue(layer->operand(0));
    types[layer->location] = {quantizedWeights(*layer)->dtype, x ? x->dtype : DType::F32};
  }
  EXPECT_EQ(types.size(), 3U);
  EXPECT_EQ(types["slow"], std::pair(DType::I4, DType::U8));
  EXPECT_EQ(types["last"], std::pair(DType::I8, DType::I16));
  EXPECT_EQ(types["behind"], std::pair(DType::I8, DType::F32));
}

// No scale or score can be computed from such weights.
TEST(Quantize, RefusesWeightsThatAreNotFinite) {
  for (float bad : {NAN, INFINITY})
    for (const char *passes :
         {"calibrate", "quantize", "quantize{activations=f32}",
          "quantize{weights=i4,activations=f32}", "quantize{activations=dynamic}",
          "choose-precision", "prune{criterion=l2}", "sparsify{ratio=0.5,refit=false}"}) {
      auto module = parse(kThree, "three");
      ASSERT_TRUE(module);
      (*module)->parameters()[0]->content.mutableData<float>()[2] = bad;
      RandomData data({1, 2, 4, 4});
      Runner runner(&data);
      auto done = runner.run(**module, passes, &runner.reference);
      ASSERT_FALSE(done) << passes;
      EXPECT_THAT(str(done.error()), HasSubstr("Conv has NaN or infinite weights")) << passes;
      for (const char *layer : {"first", "slow", "last", "behind"}) // they share the weights
        EXPECT_THAT(str(done.error()), HasSubstr(layer)) << passes;
    }
}

// A trained network on its test inputs.
TEST(Quantize, KeepsATrainedNetworkClose) {
  EDGECC_NEED_SHARED(sharedDir() / "models" / "mlperf_resnet8_fp32");
  std::vector<Tensor> inputs;
  std::unique_ptr<Module> module;
  for (int set : {0, 1}) {
    auto model = loadSharedModel("mlperf_resnet8_fp32", set);
    ASSERT_TRUE(model) << str(model.error());
    module = std::move(model->module);
    inputs.push_back(model->inputs[0]);
  }
  class Inputs : public DataSource {
  public:
    explicit Inputs(const std::vector<Tensor> &inputs) : inputs_(inputs) {}
    size_t size() const override { return inputs_.size(); }
    Expected<std::vector<Tensor>> sample(size_t i) override { return std::vector{inputs_[i]}; }

  private:
    const std::vector<Tensor> &inputs_;
  } data(inputs);
  Runner runner(&data);
  ASSERT_TRUE(runner.run(*module, kCanonicalize, &runner.reference));
  std::unique_ptr<Module> quantized = clone(*module);
  ASSERT_TRUE(runner.run(*quantized, "calibrate,quantize{only-if-faster=false},fold,dead-code"));
  EXPECT_EQ(quantizedLayers(quantized->main()).size(), 10U);
  OutputError error;
  for (const Tensor &x : inputs)
    error.add(*runner.reference.run(module->main(), {&x, 1}),
              *runner.reference.run(quantized->main(), {&x, 1}));
  EXPECT_GT(error.sqnr(), 25);
  expectNativeEqual(*quantized, inputs[1]);
}

// Models that others have quantised keep their scales.
TEST(Quantize, LeavesQuantisedModelsAsTheyAre) {
  for (const char *name : {"mlperf_resnet8_qdq", "mobilenetv2_imagenet_qdq"}) {
    EDGECC_NEED_SHARED(sharedDir() / "models" / name);
    auto model = loadSharedModel(name, 0);
    ASSERT_TRUE(model) << str(model.error());
    Module &module = *model->module;
    Runner runner;
    ASSERT_TRUE(runner.run(module, kCanonicalize, &runner.reference));
    std::string before = print(module);
    EXPECT_TRUE(quantizationPoints(module.main()).empty());
    ASSERT_TRUE(runner.run(module, "quantize{only-if-faster=false}"));
    EXPECT_EQ(print(module), before);
  }
}

} // namespace
} // namespace edgecc::test
