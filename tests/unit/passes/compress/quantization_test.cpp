// Scales from ranges and weights, and what the helpers find in a quantised layer.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "ir/Verifier.h"
#include "passes/compress/precision/Candidates.h"
#include "passes/compress/quantization/Points.h"
#include "passes/compress/quantization/Scales.h"
#include "tests/unit/passes/compress/RandomNetwork.h"

#include <cmath>
#include <gmock/gmock.h>

namespace edgecc::test {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

TEST(ScaleOfRange, RepresentsZeroExactlyAndCoversTheRange) {
  for (DType dtype : {DType::U8, DType::I8, DType::U16, DType::I16})
    for (Range range : {Range{0, 6}, Range{-1, 3}, Range{-7.5, 0.25}, Range{-2, 0}})
      for (bool symmetric : {false, true}) {
        ValueScale scale = scaleOfRange(range, dtype, symmetric);
        double low = isSigned(dtype) ? -std::exp2(bitWidth(dtype) - 1) : 0;
        double high = low + std::exp2(bitWidth(dtype)) - 1;
        EXPECT_GE(scale.zeroPoint, low);
        EXPECT_LE(scale.zeroPoint, high);
        // The zero point is rounded: half a step may be lost at one end.
        EXPECT_LE((low - scale.zeroPoint - 0.5) * scale.scale, range.low * (1 - 1e-6));
        EXPECT_GE((high - scale.zeroPoint + 0.5) * scale.scale, range.high * (1 - 1e-6));
        if (symmetric && isSigned(dtype))
          EXPECT_EQ(scale.zeroPoint, 0);
      }
  EXPECT_EQ(scaleOfRange({0, 6}, DType::U8, false).zeroPoint, 0);
  EXPECT_FLOAT_EQ(scaleOfRange({0, 6}, DType::U8, false).scale, 6.0F / 255);
  EXPECT_EQ(scaleOfRange({-1, 1}, DType::U8, true).zeroPoint, 128);
}

TEST(ScaleOfRange, TakesARangeOfNothing) {
  ValueScale scale = scaleOfRange({0, 0}, DType::U8, false);
  EXPECT_EQ(scale.scale, 1);
  EXPECT_GT(scaleOfRange({0, 1e-40}, DType::U8, false).scale, 0);
}

Tensor floats(Dims dims, const std::vector<float> &values) {
  return Tensor::of<float>(DType::F32, std::move(dims), values);
}

TEST(ScalesOfWeights, AreMaxOver127ForEachChannel) {
  Tensor weights = floats({3, 2}, {1.27F, -0.5F, -2.54F, 0.1F, 0, 0});
  Tensor scales = scalesOfWeights(weights, {.axis = 0});
  ASSERT_EQ(scales.dims(), Dims{3});
  EXPECT_FLOAT_EQ(scales.data<float>()[0], 0.01F);
  EXPECT_FLOAT_EQ(scales.data<float>()[1], 0.02F);
  EXPECT_GT(scales.data<float>()[2], 0) << "a dead channel still needs a scale";
  Tensor columns = scalesOfWeights(weights, {.axis = 1});
  EXPECT_FLOAT_EQ(columns.data<float>()[0], 0.02F);
  Tensor whole = scalesOfWeights(weights, {.perTensor = true});
  EXPECT_EQ(whole.dims(), Dims{});
  EXPECT_FLOAT_EQ(whole.data<float>()[0], 0.02F);
}

TEST(ScalesOfWeights, OfBlocksAreTheirOwn) {
  Tensor weights = floats({2, 5}, {7, 1, 14, 0, 21, -0.7F, 0, 0.07F, 0, 70});
  Tensor scales = scalesOfWeights(weights, {.axis = 1, .block = 2, .dtype = DType::I4});
  ASSERT_EQ(scales.dims(), (Dims{2, 3}));
  EXPECT_THAT(scales.data<float>(), ElementsAre(FloatEq(1), FloatEq(2), FloatEq(3), FloatEq(0.1F),
                                                FloatEq(0.01F), FloatEq(10)));
}

double squaredError(const Tensor &weights, float scale) {
  double sum = 0;
  for (float w : weights.data<float>()) {
    double q = std::clamp(std::nearbyint(w / scale), -8.0F, 7.0F);
    sum += (w - q * scale) * (w - q * scale);
  }
  return sum;
}

TEST(ScalesOfWeights, OfLeastSquaresBeatTheLargestWeightInFourBits) {
  Tensor weights = randomTensor(7, {1, 400});
  weights.mutableData<float>()[0] = 8; // an outlier
  float most = scalesOfWeights(weights, {.perTensor = true, .dtype = DType::I4}).data<float>()[0];
  float best =
      scalesOfWeights(weights, {.perTensor = true, .dtype = DType::I4, .range = WeightRange::Mse})
          .data<float>()[0];
  EXPECT_LT(squaredError(weights, best), squaredError(weights, most));
  for (float factor : {0.97F, 1.03F})
    EXPECT_LT(squaredError(weights, best), 1.02 * squaredError(weights, best * factor));
}

// --- layers ---

struct OneLayer {
  Module module;
  Op *layer = nullptr;

  OneLayer(OpKind kind, const Dims &x, const Dims &w, int64_t channels, Attributes attributes) {
    Function &function = module.addFunction("main");
    Builder builder(module, function.body);
    Value *input = function.body.addArgument({DType::F32, x, 0, {}});
    Value *weights = builder.constant(randomTensor(1, w), "w");
    std::vector<Value *> operands{input, weights};
    if (kind != OpKind::MatMul)
      operands.push_back(builder.constant(randomTensor(2, {channels}), "b"));
    builder.location = "layer";
    layer = builder.createOp(kind, operands, std::move(attributes));
    Value *results[] = {layer->result()};
    builder.yield(results);
    function.inputs = {{"x", {}}};
    function.outputs = {{"y", {}}};
  }
};

Attributes window() {
  return {{"strides", std::vector<int64_t>{1, 1}},
          {"dilations", std::vector<int64_t>{1, 1}},
          {"pads", std::vector<int64_t>{0, 0, 0, 0}}};
}

TEST(WeightLayout, MapsWeightsToChannels) {
  Attributes transposed = window();
  transposed["output_padding"] = std::vector<int64_t>{0, 0};
  transposed["group"] = int64_t{2};
  // [C, M / group, kernel]: channels 0..2 from the first group's rows, 3..5 from the second's.
  OneLayer grouped(OpKind::ConvTranspose, {1, 4, 3, 3}, {4, 3, 2, 2}, 6, transposed);
  auto layout = weightLayout(*grouped.layer);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->channels, 6);
  EXPECT_EQ(layout->channelOf(0), 0);
  EXPECT_EQ(layout->channelOf(4 * 3 - 1), 2);
  EXPECT_EQ(layout->channelOf(2 * 12), 3);
  EXPECT_EQ(layout->channelOf(4 * 12 - 1), 5);
  EXPECT_EQ(layout->indexOfChannel(5), 2);

  OneLayer conv(OpKind::Conv, {1, 2, 3, 3}, {5, 2, 1, 1}, 5, window());
  EXPECT_EQ(weightLayout(*conv.layer)->channelOf(9), 4);
  OneLayer gemm(OpKind::Gemm, {1, 4}, {3, 4}, 3, {{"transB", true}});
  EXPECT_EQ(weightLayout(*gemm.layer)->channelOf(5), 1);
  OneLayer matmul(OpKind::MatMul, {2, 4}, {4, 3}, 3, {});
  EXPECT_EQ(weightLayout(*matmul.layer)->channelOf(5), 2);
  EXPECT_EQ(weightLayout(*matmul.layer)->reductionAxis, 0U);
}

TEST(Bias, OfFloatLayersIsReplaced) {
  OneLayer conv(OpKind::Conv, {1, 2, 3, 3}, {2, 2, 1, 1}, 2, window());
  setBias(conv.module, *conv.layer, {3, -4});
  EXPECT_EQ(biasOf(*conv.layer), (std::vector<double>{3, -4}));
  EXPECT_TRUE(verify(conv.module));
}

TEST(Bias, OfAMatrixProductIsAnAddBehindIt) {
  OneLayer matmul(OpKind::MatMul, {2, 4}, {4, 3}, 3, {});
  EXPECT_EQ(biasOf(*matmul.layer), (std::vector<double>{0, 0, 0}));
  setBias(matmul.module, *matmul.layer, {1, 2, 3});
  EXPECT_EQ(biasOf(*matmul.layer), (std::vector<double>{1, 2, 3}));
  setBias(matmul.module, *matmul.layer, {4, 5, 6});
  EXPECT_EQ(biasOf(*matmul.layer), (std::vector<double>{4, 5, 6}));
  size_t adds = 0;
  walk(matmul.module.main().body, [&](const Op &op) { adds += op.kind() == OpKind::Add; });
  EXPECT_EQ(adds, 1U);
  EXPECT_TRUE(verify(matmul.module));
}

// --- the order of narrowing ---

TEST(Demotions, TakeTheLeastNoiseForWhatTheySave) {
  // The second layer is three times as large and twice as sensitive.
  std::vector<LayerChoices> layers{{{0, 1e-4, 1e-2}, {0, 0, 0}, {100, 25, 12.5}},
                                   {{0, 2e-4, 2e-2}, {0, 0, 0}, {300, 75, 37.5}}};
  std::vector<std::pair<size_t, size_t>> order;
  for (const Demotion &demotion : orderDemotions(layers))
    order.emplace_back(demotion.layer, demotion.to);
  EXPECT_THAT(order, ElementsAre(std::pair<size_t, size_t>(1, 1), std::pair<size_t, size_t>(0, 1),
                                 std::pair<size_t, size_t>(1, 2), std::pair<size_t, size_t>(0, 2)));
}

TEST(Demotions, SkipWidthsThatSaveNothing) {
  std::vector<LayerChoices> layers{{{0, 1e-4, 2e-4, 1e-2}, {10, 12, 5, 5}, {0, 0, 0, 0}}};
  auto order = orderDemotions(layers);
  ASSERT_EQ(order.size(), 1U);
  EXPECT_EQ(order[0].to, 2U);
}

TEST(Candidates, AreListedFromWideToNarrow) {
  auto candidates = parseCandidates("4:float:8");
  ASSERT_TRUE(candidates);
  ASSERT_EQ(candidates->size(), 3U);
  EXPECT_EQ((*candidates)[0].name, "float");
  EXPECT_EQ((*candidates)[2].precision, (Precision{DType::I4, DType::U8}));
  EXPECT_FALSE(parseCandidates(""));
  EXPECT_FALSE(parseCandidates("8:2"));
}

} // namespace
} // namespace edgecc::test
