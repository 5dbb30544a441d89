// Element-wise ops where languages and machines disagree: signs, overflow, NaN, rounding.
#include "tests/unit/reference/Evaluate.h"

#include <cmath>
#include <limits>

using namespace edgecc;
using namespace edgecc::test;
using testing::ElementsAre;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Binary, BroadcastsFromTheRight) {
  Tensor y = evaluate(OpKind::Sub, {f32({2, 1}, {10, 20}), f32({3}, {1, 2, 3})});
  EXPECT_EQ(y.dims(), (Dims{2, 3}));
  EXPECT_THAT(valuesOf(y), ElementsAre(9, 8, 7, 19, 18, 17));
}

TEST(Binary, IntegersWrap) {
  EXPECT_THAT(valuesOf(evaluate(OpKind::Add, {i8({2}, {127, -128}), i8({1}, {1})})),
              ElementsAre(-128, -127));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Mul, {i32({1}, {65536}), i32({1}, {65537})})),
              ElementsAre(65536));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Sub, {u8({1}, {0}), u8({1}, {1})})), ElementsAre(255));
}

TEST(Binary, IntegerDivisionTruncatesAndNeverTraps) {
  int32_t least = std::numeric_limits<int32_t>::min();
  Tensor y = evaluate(OpKind::Div, {i32({5}, {7, -7, 5, least, 9}), i32({5}, {2, 2, 0, -1, -2})});
  EXPECT_THAT(valuesOf(y), ElementsAre(3, -3, 0, least, -4));
}

TEST(Binary, ModTakesTheSignOfTheDivisorAndFmodThatOfTheDividend) {
  std::vector<Tensor> operands{i32({4}, {7, -7, 7, -7}), i32({4}, {3, 3, -3, 0})};
  EXPECT_THAT(valuesOf(evaluate(OpKind::Mod, operands)), ElementsAre(1, 2, -2, 0));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Mod, operands, {{"fmod", true}})),
              ElementsAre(1, -1, 1, 0));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Mod, {f32({2}, {-5.5f, 5.5f}), f32({1}, {2})})),
              ElementsAre(0.5, 1.5));
}

TEST(Binary, PowKeepsTheTypeOfTheBase) {
  EXPECT_THAT(valuesOf(evaluate(OpKind::Pow, {i32({4}, {3, -2, 2, 0}), i32({4}, {4, 3, -1, 0})})),
              ElementsAre(81, -8, 0, 1));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Pow, {i32({2}, {2, 9}), f32({2}, {0.5f, 0.5f})})),
              ElementsAre(1, 3));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Pow, {f32({1}, {2}), i64({1}, {-1})})), ElementsAre(0.5));
}

TEST(Binary, MaxAndMinSpreadNaN) {
  Tensor a = f32({3}, {kNaN, 1, 2}), b = f32({3}, {1, kNaN, 3});
  for (OpKind kind : {OpKind::Max, OpKind::Min}) {
    auto y = valuesOf(evaluate(kind, {a, b}));
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_EQ(y[2], kind == OpKind::Max ? 3 : 2);
  }
}

TEST(Binary, ShiftsByTheWidthOrMoreGiveZero) {
  Tensor y = evaluate(OpKind::BitShift, {u8({4}, {0x81, 0x81, 0x81, 1}), u8({4}, {1, 7, 8, 255})},
                      {{"left", true}});
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 128, 0, 0));
}

TEST(Activation, BoundsKeepNaN) {
  EXPECT_TRUE(std::isnan(evaluate(OpKind::Relu, {f32({1}, {kNaN})}).asDouble(0)));
  Tensor y = evaluate(OpKind::Clip, {f32({4}, {kNaN, -2, 9, 0.5}), f32({}, {-1}), f32({}, {1})});
  EXPECT_TRUE(std::isnan(y.asDouble(0)));
  EXPECT_EQ(y.asDouble(1), -1);
  EXPECT_EQ(y.asDouble(2), 1);
  EXPECT_EQ(y.asDouble(3), 0.5);
}

TEST(Activation, OneAbsentBoundDoesNotLimit) {
  Tensor y = evaluate(OpKind::Clip, {i32({3}, {-5, 0, 5}), Tensor(), i32({}, {2})});
  EXPECT_THAT(valuesOf(y), ElementsAre(-5, 0, 2));
}

TEST(Activation, LargeArgumentsNeitherOverflowNorCancel) {
  EXPECT_EQ(evaluate(OpKind::Softplus, {f32({1}, {200})}).asDouble(0), 200);
  EXPECT_EQ(evaluate(OpKind::Sigmoid, {f32({1}, {-200})}).asDouble(0), 0);
  // x Phi(x) at -6 is -5.919e-9; 0.5 x (1 + erf) would give 0 in f32.
  EXPECT_NEAR(evaluate(OpKind::Gelu, {f32({1}, {-6})}).asDouble(0), -5.9195e-9, 1e-12);
  // e^1e-5 - 1 = 1.000005e-5.
  EXPECT_NEAR(evaluate(OpKind::Elu, {f32({1}, {-1e-5f})}).asDouble(0), -9.99995e-6, 1e-11);
}

TEST(Unary, RoundsHalvesToEven) {
  EXPECT_THAT(valuesOf(evaluate(OpKind::Round, {f32({6}, {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 0.4f})})),
              ElementsAre(0, 2, 2, 0, -2, 0));
}

TEST(Unary, TellsInfinitiesApart) {
  Tensor x = f32({3}, {kInf, -kInf, kNaN});
  EXPECT_THAT(valuesOf(evaluate(OpKind::IsInf, {x}, {{"detect_negative", false}})),
              ElementsAre(1, 0, 0));
  EXPECT_THAT(valuesOf(evaluate(OpKind::IsInf, {x}, {{"detect_positive", false}})),
              ElementsAre(0, 1, 0));
}

TEST(Unary, AbsoluteValueOfTheLeastIntegerWraps) {
  EXPECT_THAT(valuesOf(evaluate(OpKind::Abs, {i8({2}, {-128, -5})})), ElementsAre(-128, 5));
}

TEST(Cast, FloatsTruncateAndSaturate) {
  Tensor y =
      evaluate(OpKind::Cast, {f32({6}, {2.9f, -2.9f, 300, -300, kNaN, kInf})}, {{"to", DType::I8}});
  EXPECT_THAT(valuesOf(y), ElementsAre(2, -2, 127, -128, 0, 127));
}

TEST(Cast, IntegersWrapAndBoolMeansNotZero) {
  EXPECT_THAT(valuesOf(evaluate(OpKind::Cast, {i32({3}, {300, -1, 256})}, {{"to", DType::U8}})),
              ElementsAre(44, 255, 0));
  EXPECT_THAT(valuesOf(evaluate(OpKind::Cast, {f32({3}, {0.25f, 0, kNaN})}, {{"to", DType::Bool}})),
              ElementsAre(1, 0, 1));
}

TEST(Cast, RoundsToNarrowFloatsOnce) {
  // 2^60 + 1 lies just above the middle of two bf16 neighbours once it is 2^60 (1 + 2^-8) + 1.
  int64_t above = (int64_t{1} << 60) + (int64_t{1} << 52) + 1;
  Tensor y = evaluate(OpKind::Cast, {i64({2}, {above - 1, above})}, {{"to", DType::BF16}});
  EXPECT_EQ(y.asDouble(0), std::ldexp(1.0, 60)); // the tie goes to even
  EXPECT_EQ(y.asDouble(1), std::ldexp(1.0 + std::ldexp(1.0, -7), 60));
}

TEST(Cast, FourBitElementsPackInPairs) {
  Tensor y = evaluate(OpKind::Cast, {f32({3}, {-9, 7.5f, 3})}, {{"to", DType::I4}});
  EXPECT_THAT(valuesOf(y), ElementsAre(-8, 7, 3));
  EXPECT_EQ(y.bytes(), 2u);
}

TEST(NarrowFloats, ComputeInF32AndRoundOnce) {
  // In f16, 2048 + 1 rounds to 2048; gelu and friends would show double rounding the same way.
  Tensor a = tensorOf(DType::F16, {1}, {2048}), b = tensorOf(DType::F16, {1}, {1});
  Tensor sum = evaluate(OpKind::Add, {a, b});
  EXPECT_EQ(sum.dtype(), DType::F16);
  EXPECT_EQ(sum.asDouble(0), 2048);
  // But a sum of three in one op is exact before the rounding: 2048 + 1 + 1 = 2050.
  Tensor x = tensorOf(DType::F16, {3}, {2048, 1, 1});
  Tensor total = evaluate(OpKind::ReduceSum, {x}, {{"axes", Ints{0}}, {"keepdims", false}});
  EXPECT_EQ(total.asDouble(0), 2050);
}

} // namespace
