// Reductions, normalisations, quantisation, recurrent layers, transforms.
#include "tests/unit/reference/Evaluate.h"

#include <cmath>
#include <limits>

using namespace edgecc;
using namespace edgecc::test;
using testing::DoubleNear;
using testing::ElementsAre;

namespace {

TEST(Reduction, OverNothingGivesTheNeutralElement) {
  Attributes attributes{{"axes", Ints{0}}, {"keepdims", false}};
  Tensor x = f32({0, 1}, {});
  EXPECT_EQ(evaluate(OpKind::ReduceSum, {x}, attributes).asDouble(0), 0);
  EXPECT_EQ(evaluate(OpKind::ReduceProd, {x}, attributes).asDouble(0), 1);
  EXPECT_EQ(evaluate(OpKind::ReduceMax, {x}, attributes).asDouble(0), -INFINITY);
  EXPECT_EQ(evaluate(OpKind::ReduceMin, {i8({0, 1}, {})}, attributes).asDouble(0), 127);
}

TEST(Reduction, IntegerMeansTruncate) {
  Attributes attributes{{"axes", Ints{0}}, {"keepdims", true}};
  EXPECT_EQ(evaluate(OpKind::ReduceMean, {i32({2}, {-3, -4})}, attributes).asInt(0), -3);
  EXPECT_EQ(evaluate(OpKind::ReduceMean, {u8({3}, {255, 255, 254})}, attributes).asInt(0), 254);
}

TEST(Reduction, AnyAxesAndDims) {
  Tensor x = i32({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  Tensor y = evaluate(OpKind::ReduceSum, {x}, {{"axes", Ints{0, 2}}, {"keepdims", true}});
  EXPECT_EQ(y.dims(), (Dims{1, 2, 1}));
  EXPECT_THAT(valuesOf(y), ElementsAre(14, 22));
  Tensor same = evaluate(OpKind::ReduceSumSquare, {x}, {{"axes", Ints{}}});
  EXPECT_EQ(same.dims(), x.dims());
  EXPECT_EQ(same.asInt(7), 64);
}

TEST(Reduction, LogSumExpDoesNotOverflow) {
  Tensor y = evaluate(OpKind::ReduceLogSumExp, {f32({2}, {1000, 1000})}, {{"axes", Ints{0}}});
  EXPECT_NEAR(y.asDouble(0), 1000 + std::log(2), 1e-4);
}

TEST(CumSum, ExclusiveAndReverse) {
  Tensor x = i32({4}, {1, 2, 3, 4});
  auto sum = [&](bool exclusive, bool reverse) {
    return valuesOf(
        evaluate(OpKind::CumSum, {x},
                 {{"axis", int64_t{0}}, {"exclusive", exclusive}, {"reverse", reverse}}));
  };
  EXPECT_THAT(sum(false, false), ElementsAre(1, 3, 6, 10));
  EXPECT_THAT(sum(true, false), ElementsAre(0, 1, 3, 6));
  EXPECT_THAT(sum(true, true), ElementsAre(9, 7, 4, 0));
}

TEST(Softmax, LargeInputsAndOtherAxes) {
  Tensor y = evaluate(OpKind::Softmax, {f32({2, 2}, {1000, 0, 1000, 0})}, {{"axis", int64_t{0}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(0.5, 0.5, 0.5, 0.5));
  Tensor hard = evaluate(OpKind::Hardmax, {f32({3}, {1, 2, 2})}, {{"axis", int64_t{0}}});
  EXPECT_THAT(valuesOf(hard), ElementsAre(0, 1, 0));
}

TEST(LayerNormalization, ReportsMeanAndInverseDeviation) {
  auto results = evaluateAll(OpKind::LayerNormalization,
                             {f32({1, 2}, {1, 3}), f32({2}, {2, 2}), f32({2}, {10, 10})},
                             {{"axis", int64_t{1}}, {"epsilon", 0.0}});
  EXPECT_THAT(valuesOf(results[0]), ElementsAre(8, 12));
  EXPECT_THAT(valuesOf(results[1]), ElementsAre(2));
  EXPECT_THAT(valuesOf(results[2]), ElementsAre(1));
}

TEST(RMSNormalization, DoesNotCentre) {
  Tensor y = evaluate(OpKind::RMSNormalization, {f32({2}, {1, 7}), f32({2}, {1, 1})},
                      {{"axis", int64_t{0}}, {"epsilon", 0.0}});
  EXPECT_THAT(valuesOf(y), ElementsAre(DoubleNear(0.2, 1e-7), DoubleNear(1.4, 1e-6)));
}

TEST(LRN, EvenWindowsReachFurtherUp) {
  Tensor y = evaluate(OpKind::LRN, {f32({1, 3, 1}, {1, 2, 3})},
                      {{"size", int64_t{2}}, {"alpha", 2.0}, {"beta", 1.0}, {"bias", 0.0}});
  // x / (own square + the next channel's).
  EXPECT_THAT(valuesOf(y), ElementsAre(DoubleNear(1.0 / 5, 1e-6), DoubleNear(2.0 / 13, 1e-6),
                                       DoubleNear(3.0 / 9, 1e-6)));
}

TEST(QuantizeLinear, RoundsHalvesToEvenAndSaturates) {
  Tensor y =
      evaluate(OpKind::QuantizeLinear,
               {f32({5}, {0.25f, 0.75f, 1000, -1000, -0.25f}), f32({}, {0.5f}), u8({}, {128})},
               {{"to", DType::U8}});
  EXPECT_THAT(valuesOf(y), ElementsAre(128, 130, 255, 0, 128));
}

TEST(QuantizeLinear, BlocksShareAScale) {
  Tensor y = evaluate(OpKind::QuantizeLinear, {f32({1, 3}, {4, 4, 4}), f32({1, 2}, {1, 2})},
                      {{"to", DType::I8}, {"axis", int64_t{1}}, {"block_size", int64_t{2}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(4, 4, 2));
}

TEST(DequantizeLinear, PerAxisAndFromI32) {
  Tensor y = evaluate(OpKind::DequantizeLinear,
                      {i8({2, 2}, {1, 2, 3, 4}), f32({2}, {0.5f, 2}), i8({2}, {1, -1})},
                      {{"to", DType::F32}, {"axis", int64_t{1}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 6, 1, 10));
  // The difference is exact before it becomes f32.
  Tensor wide =
      evaluate(OpKind::DequantizeLinear,
               {i32({1}, {(1 << 30) + 1}), f32({}, {1}), i32({}, {1 << 30})}, {{"to", DType::F32}});
  EXPECT_EQ(wide.asDouble(0), 1);
}

TEST(DynamicQuantizeLinear, TheRangeHoldsZero) {
  auto results = evaluateAll(OpKind::DynamicQuantizeLinear, {f32({2}, {51, 255})});
  EXPECT_EQ(results[1].asDouble(0), 1);
  EXPECT_EQ(results[2].asInt(0), 0);
  EXPECT_THAT(valuesOf(results[0]), ElementsAre(51, 255));
  auto zeros = evaluateAll(OpKind::DynamicQuantizeLinear, {f32({2}, {0, 0})});
  EXPECT_THAT(valuesOf(zeros[0]), ElementsAre(0, 0));
}

TEST(Requantize, OneRoundingOfTheProductThenClamp) {
  Tensor y = evaluate(OpKind::Requantize, {i32({1, 2, 2}, {1, 3, 1000, -7}), f32({2}, {0.5f, 1})},
                      {{"to", DType::I8},
                       {"zero_point", int64_t{10}},
                       {"low", int64_t{-3}},
                       {"high", int64_t{100}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(10, 12, 100, 3));
}

TEST(TableLookup, SignedIndicesStartInTheMiddle) {
  Tensor table(DType::U8, {256});
  for (int64_t i = 0; i < 256; ++i)
    table.setDouble(i, static_cast<double>(255 - i));
  EXPECT_THAT(valuesOf(evaluate(OpKind::TableLookup, {i8({2}, {-128, 127}), table})),
              ElementsAre(255, 0));
  EXPECT_THAT(valuesOf(evaluate(OpKind::TableLookup, {u8({2}, {0, 255}), table})),
              ElementsAre(255, 0));
}

Attributes rnn(const char *direction, std::vector<std::string> activations) {
  return {{"hidden_size", int64_t{1}},
          {"direction", std::string(direction)},
          {"activations", std::move(activations)}};
}

TEST(RNN, ReverseStartsAtTheEndOfEachSequence) {
  // h = x + h, over lengths 2 and 3.
  Tensor x = f32({3, 2, 1}, {1, 10, 2, 20, 4, 40});
  Tensor one = f32({1, 1, 1}, {1});
  auto forward = evaluateAll(OpKind::RNN, {x, one, one, Tensor(), i32({2}, {2, 3})},
                             rnn("forward", {"Affine"}));
  EXPECT_THAT(valuesOf(forward[0]), ElementsAre(1, 10, 3, 30, 0, 70));
  EXPECT_THAT(valuesOf(forward[1]), ElementsAre(3, 70));
  auto reverse = evaluateAll(OpKind::RNN, {x, one, one, Tensor(), i32({2}, {2, 3})},
                             rnn("reverse", {"Affine"}));
  EXPECT_THAT(valuesOf(reverse[0]), ElementsAre(3, 70, 2, 60, 0, 40));
  EXPECT_THAT(valuesOf(reverse[1]), ElementsAre(3, 70));
}

TEST(LSTM, GatesAreInTheOrderInputOutputForgetCell) {
  // With Affine (identity) gates: i = 1, o = 2, f = 3, c = 4 from the bias alone.
  Tensor x = f32({1, 1, 1}, {0}), w = f32({1, 4, 1}, {0, 0, 0, 0}), r = w;
  Tensor b = f32({1, 8}, {1, 2, 3, 4, 0, 0, 0, 0});
  auto results = evaluateAll(OpKind::LSTM, {x, w, r, b, Tensor(), Tensor(), f32({1, 1, 1}, {10})},
                             rnn("forward", {"Affine", "Affine", "Affine"}));
  EXPECT_EQ(results[2].asDouble(0), 3 * 10 + 1 * 4); // f c + i g
  EXPECT_EQ(results[1].asDouble(0), 2 * 34);         // o c
}

TEST(GRU, LinearBeforeResetMovesTheResetBehindTheProduct) {
  Tensor x = f32({1, 1, 1}, {0}), w = f32({1, 3, 1}, {0, 0, 0}), r = f32({1, 3, 1}, {0, 0, 1});
  // z = 0, r = 2; recurrent bias of h is 5, h0 = 3.
  Tensor b = f32({1, 6}, {0, 2, 0, 0, 0, 5});
  Attributes attributes = rnn("forward", {"Affine", "Affine"});
  std::vector<Tensor> operands{x, w, r, b, Tensor(), f32({1, 1, 1}, {3})};
  EXPECT_EQ(evaluate(OpKind::GRU, operands, attributes).asDouble(0), 2 * 3 + 5);
  attributes["linear_before_reset"] = true;
  EXPECT_EQ(evaluate(OpKind::GRU, operands, attributes).asDouble(0), 2 * (3 + 5));
}

TEST(DFT, TransformsAndBack) {
  Tensor x = f32({1, 4, 1}, {1, 2, 3, 4});
  Tensor y = evaluate(OpKind::DFT, {x}, {{"axis", int64_t{1}}});
  EXPECT_EQ(y.dims(), (Dims{1, 4, 2}));
  EXPECT_THAT(valuesOf(y),
              ElementsAre(10, 0, DoubleNear(-2, 1e-6), DoubleNear(2, 1e-6), DoubleNear(-2, 1e-6),
                          DoubleNear(0, 1e-6), DoubleNear(-2, 1e-6), DoubleNear(-2, 1e-6)));
  Tensor back = evaluate(OpKind::DFT, {y}, {{"axis", int64_t{1}}, {"inverse", true}});
  EXPECT_NEAR(back.asDouble(2), 2, 1e-6);
  EXPECT_EQ(evaluate(OpKind::DFT, {x}, {{"axis", int64_t{1}}, {"onesided", true}}).dims(),
            (Dims{1, 3, 2}));
}

TEST(Det, PivotsAndSingularMatrices) {
  Tensor x = f32({2, 2, 2}, {0, 1, 2, 3, 1, 2, 2, 4});
  EXPECT_THAT(valuesOf(evaluate(OpKind::Det, {x})), ElementsAre(-2, 0));
}

TEST(Col2Im, OverlappingBlocksAdd) {
  Tensor y = evaluate(OpKind::Col2Im, {f32({1, 2, 2}, {1, 2, 10, 20})},
                      {{"image_shape", Ints{3}},
                       {"block_shape", Ints{2}},
                       {"strides", Ints{1}},
                       {"dilations", Ints{1}},
                       {"pads", Ints{0, 0}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(1, 12, 20));
}

} // namespace
