// The passes `adaround`, `power-of-two` and `correct-bias` on a small network.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/compress/Compression.h"
#include "passes/compress/quantization/Layer.h"
#include "passes/compress/rounding/ChannelMeans.h"
#include "passes/compress/rounding/LayerReplay.h"
#include "tests/unit/passes/compress/RandomNetwork.h"

#include <cmath>
#include <gmock/gmock.h>

namespace edgecc {
namespace {

using test::randomTensor;

// Smooth pictures: neighbouring pixels and channels are alike, as in photographs.
class Pictures : public DataSource {
public:
  size_t size() const override { return 24; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    Tensor noise = randomTensor(100 + index, {4, 4}), picture(DType::F32, {1, 3, 8, 8});
    for (int64_t i = 0; i < picture.elements(); ++i) {
      int64_t c = i / 64, y = i / 8 % 8, x = i % 8;
      double wave = noise.asDouble(0) * std::sin(0.5 * static_cast<double>(x)) +
                    noise.asDouble(1) * std::cos(0.4 * static_cast<double>(y)) + noise.asDouble(2) +
                    0.3 * static_cast<double>(c) * noise.asDouble(3);
      picture.setDouble(i, 0.5 + 0.5 * wave);
    }
    return std::vector<Tensor>{picture};
  }
};

// Nothing in one says anything about another.
class Noise : public DataSource {
public:
  Noise(size_t first, size_t count) : first_(first), count_(count) {}
  size_t size() const override { return count_; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return std::vector<Tensor>{randomTensor(1000 + first_ + index, {1, 3, 8, 8})};
  }

private:
  size_t first_, count_;
};

// Conv, depthwise Conv, ConvTranspose, residual sum, Gemm.
std::unique_ptr<Module> network() {
  auto module = std::make_unique<Module>();
  Function &function = module->addFunction("main");
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder b(*module, function.body);
  uint64_t seed = 1;
  auto window = [](int64_t pad, int64_t stride, int64_t group) {
    return Attributes{{"strides", std::vector<int64_t>{stride, stride}},
                      {"dilations", std::vector<int64_t>{1, 1}},
                      {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                      {"group", group}};
  };
  auto named = [&](Value *value, const char *name) {
    value->provenance.tensor = name;
    value->definingOp()->location = name;
    return value;
  };
  auto weights = [&](Dims dims) { return b.constant(randomTensor(seed++, dims), "w"); };
  Value *x = function.body.addArgument({DType::F32, {1, 3, 8, 8}, 0, {}});
  x->provenance.tensor = "x";
  Value *c1 = named(
      b.create(OpKind::Conv, {x, weights({8, 3, 3, 3}), weights({8})}, window(1, 1, 1)), "c1");
  Value *r1 = named(b.create(OpKind::Relu, {c1}), "r1");
  Value *c2 = named(
      b.create(OpKind::Conv, {r1, weights({8, 1, 3, 3}), weights({8})}, window(1, 1, 8)), "c2");
  Value *r2 = named(b.create(OpKind::Relu, {c2}), "r2");
  Attributes up = window(1, 1, 1);
  up["output_padding"] = std::vector<int64_t>{0, 0};
  Value *c3 =
      named(b.create(OpKind::ConvTranspose, {r2, weights({8, 8, 3, 3}), weights({8})}, up), "c3");
  Value *sum = named(b.create(OpKind::Add, {c3, r1}), "sum");
  Value *r3 = named(b.create(OpKind::Relu, {sum}), "r3");
  Value *flat =
      named(b.create(OpKind::Reshape, {r3}, {{"shape", std::vector<int64_t>{1, 512}}}), "flat");
  Value *y = named(
      b.create(OpKind::Gemm, {flat, weights({5, 512}), weights({5})}, {{"transB", true}}), "y");
  b.yield(std::span(&y, 1));
  return module;
}

class ReconstructionTest : public testing::Test {
protected:
  void SetUp() override {
    registerBuiltinPasses(registry_);
    compression_.data = &data_;
  }

  void run(Module &module, std::string_view passes) {
    auto list = registry_.parse(passes);
    ASSERT_TRUE(list) << str(list.error());
    PassManagerOptions options;
    options.executor = &executor_;
    options.compression = &compression_;
    options.verifyEach = true;
    auto report = runPasses(module, *list, options);
    ASSERT_TRUE(report) << str(report.error());
  }

  std::unique_ptr<Module> quantized() {
    auto module = network();
    run(*module, "calibrate{method=minmax},quantize{weights=i4,only-if-faster=false,block=0}");
    return module;
  }

  // Mean square of the difference of the outputs from those of the float network.
  double error(const Module &module) { return error(module, data_); }
  double error(const Module &module, DataSource &data) {
    auto original = network();
    double sum = 0;
    for (size_t s = 0; s < data.size(); ++s) {
      auto input = *data.sample(s);
      Tensor want = executor_.run(original->main(), input)->front();
      Tensor found = executor_.run(module.main(), input)->front();
      for (int64_t i = 0; i < want.elements(); ++i)
        sum += std::pow(want.asDouble(i) - found.asDouble(i), 2);
    }
    return sum;
  }

  // Means of the channels of each layer's result.
  std::vector<std::vector<double>> means(const Module &module) {
    std::map<const Value *, ChannelMeans> found;
    std::vector<const Value *> order;
    for (const auto &op : module.main().body.ops())
      if (weightLayout(*op))
        order.push_back(op->result());
    for (size_t s = 0; s < data_.size(); ++s)
      EXPECT_TRUE(executor_.run(module.main(), *data_.sample(s),
                                [&](const Value &value, const Tensor &tensor) {
                                  if (std::ranges::find(order, &value) != order.end())
                                    found[&value].add(tensor, 1);
                                }));
    std::vector<std::vector<double>> out;
    for (const Value *value : order)
      out.push_back(found[value].means());
    return out;
  }

  double largestShift(const Module &module) {
    auto want = means(*network()), found = means(module);
    double largest = 0;
    for (size_t i = 0; i < want.size(); ++i)
      for (size_t c = 0; c < want[i].size(); ++c)
        largest = std::max(largest, std::abs(want[i][c] - found[i][c]));
    return largest;
  }

  Registry registry_;
  ReferenceExecutor executor_;
  Pictures data_;
  Compression compression_;
};

TEST_F(ReconstructionTest, EveryMethodOfRoundingBeatsNearest) {
  auto nearest = quantized();
  double before = error(*nearest);
  for (const char *method : {"columns", "soft", "best"}) {
    auto module = clone(*nearest);
    run(*module, std::string("adaround{iterations=200,columns=600,method=") + method + "}");
    EXPECT_LT(error(*module), 0.5 * before) << method;
    for (Op *layer : quantizedLayers(module->main()))
      EXPECT_TRUE(quantizedWeights(*layer)->integers()) << layer->location;
  }
}

// A Gemm of 512 columns fits 8 samples in many ways, most of which mean nothing on others.
TEST_F(ReconstructionTest, FewSamplesDoNotMislead) {
  Noise few(0, 8), others(8, 40);
  compression_.data = &few;
  auto nearest = network();
  run(*nearest, "calibrate{method=minmax},quantize{only-if-faster=false}");
  auto chosen = clone(*nearest), fitted = clone(*nearest);
  run(*fitted, "adaround{columns=600,damping=0.001}");
  EXPECT_LT(error(*fitted, few), error(*nearest, few));
  EXPECT_GT(error(*fitted, others), error(*nearest, others));
  run(*chosen, "adaround{columns=600}");
  EXPECT_LE(error(*chosen, others), error(*nearest, others));
}

// Weights of 16 bits leave nothing to gain, and noise nothing to learn: what is measured is chance.
TEST_F(ReconstructionTest, RoundsToNearestWhereTheOutputsGainLittle) {
  Noise noise(0, 24);
  compression_.data = &noise;
  auto nearest = network();
  run(*nearest, "calibrate{method=minmax},quantize{weights=i16,only-if-faster=false}");
  auto chosen = clone(*nearest);
  run(*chosen, "adaround{columns=600}");
  EXPECT_THAT(compression_.notes.back().text, testing::HasSubstr("too little"));
  run(*nearest, "fold");
  EXPECT_EQ(error(*chosen), error(*nearest));
}

TEST_F(ReconstructionTest, NotesSayHowMuchEachLayerGained) {
  auto module = quantized();
  compression_.notes.clear();
  run(*module, "adaround{columns=600}");
  std::vector<std::string> layers;
  ASSERT_FALSE(compression_.notes.empty());
  EXPECT_THAT(compression_.notes.back().text,
              testing::MatchesRegex("changes the noise of the outputs by -[0-9.]+ dB on samples "
                                    "that are held out"));
  compression_.notes.pop_back();
  for (const Note &note : compression_.notes) {
    EXPECT_EQ(note.pass, "adaround");
    // Nine weights in each row of the depthwise layer leave little to choose from.
    EXPECT_THAT(note.text,
                testing::HasSubstr(note.layer == "c2" ? "rounded to nearest: nothing"
                                                      : "dB below that of rounding to nearest"))
        << note.layer;
    layers.push_back(note.layer);
  }
  EXPECT_THAT(layers, testing::ElementsAre("c1", "c2", "c3", "y"));
}

TEST_F(ReconstructionTest, RoundsTheSameEachTime) {
  auto nearest = quantized(), again = clone(*nearest);
  run(*nearest, "adaround{method=best,iterations=50,columns=600},correct-bias");
  run(*again, "adaround{method=best,iterations=50,columns=600},correct-bias");
  EXPECT_EQ(print(*nearest), print(*again));
}

TEST_F(ReconstructionTest, EveryWeightBecomesAPowerOfTwo) {
  auto module = network();
  run(*module, "calibrate{method=minmax},quantize{only-if-faster=false},power-of-two{columns=600}");
  std::vector<Op *> layers = quantizedLayers(module->main());
  EXPECT_EQ(layers.size(), 4U);
  for (Op *layer : layers) {
    QuantizedWeights weights = *quantizedWeights(*layer);
    ASSERT_TRUE(weights.integers());
    for (int64_t i = 0; i < weights.integers()->elements(); ++i) {
      int64_t magnitude = std::abs(weights.integers()->asInt(i));
      EXPECT_EQ(magnitude & (magnitude - 1), 0) << layer->location;
    }
    int exponent = 0;
    for (float scale : weights.scale.data<float>())
      EXPECT_EQ(std::frexp(scale, &exponent), 0.5f);
  }
  // Biases have followed the new scales: the signal is still there.
  double power = 0;
  auto original = network();
  for (size_t s = 0; s < data_.size(); ++s) {
    Tensor want = executor_.run(original->main(), *data_.sample(s))->front();
    for (int64_t i = 0; i < want.elements(); ++i)
      power += std::pow(want.asDouble(i), 2);
  }
  EXPECT_LT(error(*module), 0.01 * power);
}

TEST_F(ReconstructionTest, EmpiricalCorrectionTakesMostOfTheShift) {
  auto module = quantized();
  double before = largestShift(*module);
  EXPECT_GT(before, 0.5);
  run(*module, "correct-bias");
  EXPECT_LT(largestShift(*module), 0.3 * before);
}

TEST_F(ReconstructionTest, CorrectsBiasesBehindRoundedWeights) {
  auto module = quantized();
  double nearest = largestShift(*module);
  run(*module, "adaround{columns=600},correct-bias");
  EXPECT_LT(largestShift(*module), 0.1 * nearest);
}

TEST_F(ReconstructionTest, AnalyticCorrectionNeedsTheCalibrationOnly) {
  auto module = quantized();
  double before = largestShift(*module);
  compression_.data = nullptr;
  run(*module, "correct-bias{method=analytic}");
  compression_.data = &data_;
  // Borders and the errors of the layers in front are not known to it.
  EXPECT_LT(largestShift(*module), 0.7 * before);
}

// --- the network up to a layer ---

TEST_F(ReconstructionTest, ReplayYieldsTheSameHoweverMuchItKeeps) {
  auto module = quantized();
  std::vector<Op *> layers = quantizedLayers(module->main());
  for (size_t bytes : {size_t{0}, size_t{20'000}, size_t{1} << 30}) {
    LayerReplay replay(module->main(), executor_, data_, {10, bytes});
    EXPECT_EQ(replay.samples(), 10U);
    for (Op *layer : layers) {
      const Value *x = layer->operand(0);
      size_t visited = 0;
      auto result =
          replay.run(std::span(&x, 1), *layer, [&](size_t sample, std::span<const Tensor> tensors) {
            EXPECT_EQ(sample, visited++);
            auto input = *data_.sample(sample * data_.size() / 10);
            Tensor want = x->definingOp() ? Tensor() : input[0];
            EXPECT_TRUE(
                executor_.run(module->main(), input, [&](const Value &value, const Tensor &tensor) {
                  if (&value == x)
                    want = tensor;
                }));
            EXPECT_EQ(tensors[0], want) << layer->location << " " << bytes;
          });
      ASSERT_TRUE(result);
      EXPECT_EQ(visited, 10U);
    }
  }
}

// --- means ---

TEST(ClippedNormalMean, AgreesWithIntegration) {
  for (auto [low, high] : {std::pair(0.0, 6.0), std::pair(0.0, HUGE_VAL),
                           std::pair(-HUGE_VAL, HUGE_VAL), std::pair(-1.0, 1.5)})
    for (double mean : {-2.0, 0.3, 5.0})
      for (double deviation : {0.5, 3.0}) {
        double sum = 0, weight = 0;
        for (double z = -9; z <= 9; z += 1e-3) {
          double p = std::exp(-0.5 * z * z);
          sum += p * std::min(std::max(mean + deviation * z, low), high);
          weight += p;
        }
        EXPECT_NEAR(clippedNormalMean(mean, deviation, low, high), sum / weight, 1e-4);
      }
  EXPECT_EQ(clippedNormalMean(7, 0, 0, 6), 6);
}

TEST(ChannelMeans, AreTakenAlongAnyAxis) {
  Tensor tensor =
      Tensor::of<float>(DType::F32, {2, 2, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  ChannelMeans outer, inner;
  EXPECT_THAT(outer.means(), testing::IsEmpty());
  outer.add(tensor, 1);
  inner.add(tensor, 2);
  inner.add(tensor, 2);
  EXPECT_THAT(outer.means(), testing::ElementsAre(3.5, 5.5));
  EXPECT_THAT(inner.means(), testing::ElementsAre(4, 5));
}

} // namespace
} // namespace edgecc
