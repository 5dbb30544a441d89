// Passes that scale or shift channels keep what a network computes, and its provenance.
#include "tests/support/SharedData.h"
#include "tests/unit/passes/compress/RandomNetwork.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "ir/Verifier.h"
#include "passes/PassManager.h"
#include "passes/compress/Compression.h"
#include "passes/compress/equalization/Scramble.h"
#include "passes/compress/equalization/WeightRanges.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

constexpr uint64_t kNetworks = 120;

// Random inputs for a module's only argument.
class RandomData : public DataSource {
public:
  RandomData(Dims dims, size_t size, DType dtype = DType::F32)
      : dims_(std::move(dims)), size_(size), dtype_(dtype) {}
  size_t size() const override { return size_; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return std::vector<Tensor>{randomTensor(1000 + index, dims_, dtype_)};
  }

private:
  Dims dims_;
  size_t size_;
  DType dtype_;
};

struct Ran {
  Statistics statistics;
  std::string error;
};

Ran runPass(Module &module, const std::string &call, DataSource *data = nullptr) {
  Registry registry;
  registerBuiltinPasses(registry);
  auto passes = registry.parse(call);
  if (!passes)
    return {{}, str(passes.error())};
  ReferenceExecutor executor;
  Compression compression;
  compression.data = data;
  PassManagerOptions options;
  options.executor = &executor;
  options.compression = &compression;
  options.verifyEach = true;
  auto reports = runPasses(module, *passes, options);
  if (!reports)
    return {{}, str(reports.error())};
  return {reports->front().statistics, {}};
}

using Values = std::map<std::string, std::pair<Tensor, Provenance>>;

// All values by the ONNX tensor that they stand for.
Values valuesOf(const Module &module, const std::vector<Tensor> &inputs) {
  Values values;
  auto outputs =
      ReferenceExecutor().run(module.main(), inputs, [&](const Value &value, const Tensor &tensor) {
        if (!value.provenance.tensor.empty())
          values[value.provenance.tensor] = {tensor, value.provenance};
      });
  EXPECT_TRUE(outputs) << str(outputs.error());
  for (size_t i = 0; outputs && i < outputs->size(); ++i)
    values["output " + std::to_string(i)] = {(*outputs)[i], {}};
  return values;
}

// The part of the original that is left, in the units of the changed value.
Tensor expected(const Tensor &original, const Tensor &changed, const Provenance &p) {
  if (p.channelMap.empty() && p.scale.empty())
    return original;
  auto axis = static_cast<size_t>(p.axis);
  int64_t inner = 1, channels = changed.dims()[axis], before = original.dims()[axis];
  for (size_t i = axis + 1; i < changed.dims().size(); ++i)
    inner *= changed.dims()[i];
  Tensor out(changed.dtype(), changed.dims());
  for (int64_t i = 0; i < out.elements(); ++i) {
    auto c = static_cast<size_t>(i / inner % channels);
    int64_t from = p.channelMap.empty() ? static_cast<int64_t>(c) : p.channelMap[c];
    int64_t outer = i / (inner * channels);
    out.setDouble(i, original.asDouble((outer * before + from) * inner + i % inner) /
                         (p.scale.empty() ? 1 : p.scale[c]));
  }
  return out;
}

// The largest difference, relative to the largest magnitude.
double relativeDifference(const Tensor &a, const Tensor &b) {
  if (a.dims() != b.dims())
    return INFINITY;
  double difference = 0, peak = 0;
  for (int64_t i = 0; i < a.elements(); ++i) {
    difference = std::max(difference, std::abs(a.asDouble(i) - b.asDouble(i)));
    peak = std::max(peak, std::abs(a.asDouble(i)));
  }
  return difference == 0 ? 0 : difference / peak;
}

struct Agreement {
  size_t compared = 0, scaled = 0;
};

// Every value of `changed` that stands for a value of `original` is it.
Agreement expectSameValues(const Values &original, const Values &changed, double tolerance,
                           const std::string &what) {
  Agreement agreement;
  for (const auto &[name, value] : changed) {
    auto found = original.find(name);
    if (found == original.end())
      continue;
    Tensor wanted = expected(found->second.first, value.first, value.second);
    EXPECT_LE(relativeDifference(wanted, value.first), tolerance) << what << ": " << name;
    agreement.compared += 1;
    agreement.scaled += !value.second.scale.empty();
  }
  return agreement;
}

struct Case {
  const char *call;
  const char *counted;
};

class KeepsTheFunction : public testing::TestWithParam<Case> {};

TEST_P(KeepsTheFunction, OfRandomNetworks) {
  auto [call, counted] = GetParam();
  int64_t count = 0;
  RandomData data({1, 3, 12, 12}, 4, DType::F64);
  for (uint64_t seed = 0; seed < kNetworks && !HasFailure(); ++seed) {
    auto module = randomNetwork(seed, DType::F64);
    std::vector<Tensor> inputs{randomTensor(seed, {1, 3, 12, 12}, DType::F64)};
    Values before = valuesOf(*module, inputs);
    std::string text = print(*module);
    Ran ran = runPass(*module, call, &data);
    ASSERT_EQ(ran.error, "") << text;
    count += ran.statistics.count(counted);
    std::string what = "seed " + std::to_string(seed);
    Agreement agreement = expectSameValues(before, valuesOf(*module, inputs), 1e-11, what);
    EXPECT_GE(agreement.compared, 4u) << what;
  }
  EXPECT_GT(count, static_cast<int64_t>(kNetworks / 5)) << "the pass does something";
}

INSTANTIATE_TEST_SUITE_P(
    Passes, KeepsTheFunction,
    testing::Values(Case{"equalize", "channels equalised"},
                    Case{"equalize{residual=true,clips=bounds}", "channels equalised"},
                    Case{"equalize{ranges=activations}", "channels equalised"},
                    Case{"fold-batch-norm", "batch norms folded"},
                    Case{"fold-batch-norm-forward", "scales folded forward"},
                    Case{"fold-batch-norm-forward", "offsets folded forward"},
                    Case{"remove-dead-channels", "channels removed"},
                    Case{"remove-dead-channels", "constant channels folded into biases"}),
    [](const auto &info) { return "case" + std::to_string(info.index); });

TEST(Scramble, KeepsTheFunctionAndItsProvenance) {
  size_t scaled = 0;
  for (uint64_t seed = 0; seed < kNetworks; ++seed) {
    auto module = randomNetwork(seed, DType::F64);
    std::vector<Tensor> inputs{randomTensor(seed, {1, 3, 12, 12}, DType::F64)};
    Values before = valuesOf(*module, inputs);
    scaleChannelsRandomly(*module, seed, 4);
    ASSERT_TRUE(verify(*module));
    scaled +=
        expectSameValues(before, valuesOf(*module, inputs), 1e-11, std::to_string(seed)).scaled;
  }
  EXPECT_GT(scaled, kNetworks);
}

// The condition that the iteration converges to.
TEST(Equalize, MakesRangesAgree) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto module = randomNetwork(seed, DType::F64);
    scaleChannelsRandomly(*module, seed, 3);
    ASSERT_EQ(runPass(*module, "equalize{limit=1000000,iterations=500,tolerance=1e-6}").error, "");
    const Block &body = module->main().body;
    ChannelClasses classes(body, {});
    ClassRanges ranges =
        WeightRanges(body, classes).under(std::vector<double>(classes.classes().size(), 1.0));
    for (uint32_t id = 0; id < classes.classes().size(); ++id)
      if (classes.isFree(id) && ranges.produced[id] > 0 && ranges.consumed[id] > 0)
        EXPECT_NEAR(ranges.produced[id] / ranges.consumed[id], 1, 1e-3) << seed;
  }
}

// Two channels of the given ranges, read by a depthwise layer.
std::string twoChannels(const std::string &rows) {
  return R"(module "m" {
    param @w1 : f32[2x1x1x1] = )" +
         rows + R"(
    param @w2 : f32[2x1x1x1] = [1, 1]
    func @main(%0: f32[1x1x8x8] "x") -> ("y") {
      %1 = Param @w1 : f32[2x1x1x1]
      %2 = Conv(%0, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x8x8]
      %3 = Relu(%2) : f32[1x2x8x8]
      %4 = Param @w2 : f32[2x1x1x1]
      %5 = Conv(%3, %4) {dilations = [1, 1], group = 2, pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x8x8]
      Yield(%5)
    }
  })";
}

// With a scale for each channel of the weights, factors pay only where activations differ.
TEST(Equalize, LeavesActivationsOfLikeRangeAlone) {
  RandomData data({1, 1, 8, 8}, 8);
  auto unlike = parse(twoChannels("[64, 1]")), like = parse(twoChannels("[1.1, 1]"));
  ASSERT_TRUE(unlike && like);
  Ran ran = runPass(**unlike, "equalize{ranges=activations}", &data);
  ASSERT_EQ(ran.error, "");
  EXPECT_EQ(ran.statistics.count("channels equalised"), 2);
  std::vector<double> ranges;
  for (const auto &op : (*unlike)->main().body.ops())
    if (op->kind() == OpKind::Conv)
      for (int64_t c = 0; c < 2; ++c)
        ranges.push_back(constantOf(op->operand(1))->asDouble(c));
  EXPECT_NEAR(ranges[0] / ranges[1], 1, 0.1) << "both channels use the activations' scale";
  EXPECT_NEAR(ranges[2] / ranges[3], 64, 6.4) << "and the weights undo it";
  ran = runPass(**like, "equalize{ranges=activations}", &data);
  EXPECT_EQ(ran.error, "");
  EXPECT_EQ(ran.statistics.count("channels equalised"), 0);
}

const char *const kBiased = R"(module "m" {
  param @w1 : f32[2x1x1x1] = [1, 1]
  param @b1 : f32[2] = [10, 0]
  param @w2 : f32[1x2x1x1] = [3, 5]
  func @main(%0: f32[1x1x8x8] "x") -> ("y") {
    %1 = Param @w1 : f32[2x1x1x1]
    %2 = Param @b1 : f32[2]
    %3 = Conv(%0, %1, %2) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x2x8x8] from "a"
    %4 = Relu(%3) : f32[1x2x8x8] from "r"
    %5 = Param @w2 : f32[1x2x1x1]
    %6 = Conv(%4, %5) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x1x8x8] from "y"
    Yield(%6)
  }
})";

// The first channel is 10 + x, x in [-1, 1]: what is common to it goes into the bias behind.
TEST(AbsorbBias, MovesWhatIsCommonIntoTheNextBias) {
  auto module = parse(kBiased);
  ASSERT_TRUE(module) << str(module.error());
  RandomData data({1, 1, 8, 8}, 8);
  std::vector<Tensor> inputs{randomTensor(1, {1, 1, 8, 8})};
  Values before = valuesOf(**module, inputs);
  Ran ran = runPass(**module, "absorb-bias{bound=minimum}", &data);
  ASSERT_EQ(ran.error, "");
  EXPECT_EQ(ran.statistics.count("channels absorbed"), 1);
  double b1 = 0, b2 = 0;
  for (const auto &op : (*module)->main().body.ops())
    if (op->kind() == OpKind::Conv)
      (b1 == 0 ? b1 : b2) = constantOf(op->operand(2))->asDouble(0);
  EXPECT_NEAR(b1, 1, 0.05); // the least of 512 samples is close to 9
  EXPECT_NEAR(b2, 27, 0.15);
  Values after = valuesOf(**module, inputs);
  EXPECT_LE(relativeDifference(before.at("output 0").first, after.at("output 0").first), 1e-2);
  EXPECT_FALSE(after.contains("a")) << "no provenance can express a shift";
}

TEST(AbsorbBias, LeavesActivationsThatReachZero) {
  auto module = randomNetwork(3, DType::F32);
  RandomData data({1, 3, 12, 12}, 8);
  std::vector<Tensor> inputs{*data.sample(0)};
  Values before = valuesOf(*module, inputs);
  ASSERT_EQ(runPass(*module, "absorb-bias{bound=minimum}", &data).error, "");
  // Exact on the samples that the minimum was taken over.
  expectSameValues(before, valuesOf(*module, inputs), 1e-4, "absorbed");
}

class RealModel : public testing::TestWithParam<const char *> {};

TEST_P(RealModel, IsPreservedByScramblingAndEqualising) {
  EDGECC_NEED_SHARED(sharedDir() / "models" / GetParam() / "model.onnx");
  auto model = loadSharedModel(GetParam(), 0);
  ASSERT_TRUE(model) << str(model.error());
  ASSERT_EQ(runPass(*model->module, "fold,simplify,fold-batch-norm,fold-batch-norm-forward").error,
            "");
  auto wanted = ReferenceExecutor().run(model->module->main(), model->inputs);
  ASSERT_TRUE(wanted) << str(wanted.error());
  EXPECT_GT(scaleChannelsRandomly(*model->module, 3, 4), 100u);
  Ran ran = runPass(*model->module, "equalize{clips=bounds,residual=true}");
  ASSERT_EQ(ran.error, "");
  EXPECT_GT(ran.statistics.count("channels equalised"), 100);
  auto outputs = ReferenceExecutor().run(model->module->main(), model->inputs);
  ASSERT_TRUE(outputs) << str(outputs.error());
  EXPECT_LE(relativeDifference((*wanted)[0], (*outputs)[0]), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Models, RealModel,
                         testing::Values("mobilenetv2_imagenet_fp32", "mlperf_kws_fp32",
                                         "resnet20_cifar10"));

} // namespace
} // namespace edgecc::test
