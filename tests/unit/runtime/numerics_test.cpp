// SPDX-License-Identifier: Apache-2.0
#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Float8.h"
#include "runtime/numerics/Int4.h"
#include "runtime/numerics/Quantize.h"
#include "runtime/numerics/Requantize.h"
#include "runtime/numerics/Rounding.h"
#include "runtime/numerics/Table.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace edgecc::numerics;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

uint32_t bitsOf(float value) { return std::bit_cast<uint32_t>(value); }

/// Every value of a sign-magnitude format is tried as the nearest neighbour of points in the gaps
/// around it: slow, but it shares nothing with the code under test.
template <class ToF32, class FromF64>
void expectNearestEvenBetweenNeighbours(uint32_t largest, ToF32 toF32, FromF64 fromF64) {
  for (uint32_t bits = 0; bits < largest; ++bits) {
    double low = toF32(bits), high = toF32(bits + 1), middle = (low + high) / 2;
    double below = std::nextafter(middle, low), above = std::nextafter(middle, high);
    ASSERT_EQ(fromF64(low), bits);
    ASSERT_EQ(fromF64(below), bits) << middle;
    ASSERT_EQ(fromF64(above), bits + 1) << middle;
    ASSERT_EQ(fromF64(middle), bits % 2 == 0 ? bits : bits + 1) << middle;
  }
}

TEST(Float16, EveryPatternMatchesTheHardwareTypeAndSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float value = f16ToF32(half);
    ASSERT_EQ(bitsOf(value), bitsOf(static_cast<float>(std::bit_cast<_Float16>(half)))) << bits;
    bool isNaN = (bits & 0x7fff) > 0x7c00;
    uint16_t back = f32ToF16(value);
    ASSERT_EQ(back, isNaN ? half | 0x200 : half);
    ASSERT_EQ(f64ToF16(value), back);
  }
}

TEST(Float16, RoundsToNearestEven) {
  expectNearestEvenBetweenNeighbours(
      0x7bff, [](uint32_t bits) { return f16ToF32(uint16_t(bits)); }, f64ToF16);
}

TEST(Float16, MatchesTheHardwareTypeOnRandomFloats) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000000; ++i) {
    float value = std::bit_cast<float>(uint32_t(random()));
    ASSERT_EQ(f32ToF16(value), std::bit_cast<uint16_t>(static_cast<_Float16>(value))) << value;
  }
}

TEST(Float16, OverflowsToInfinityAtHalfAStepBeyondTheLargest) {
  EXPECT_EQ(f32ToF16(65504.0f), 0x7bff);
  EXPECT_EQ(f32ToF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(f32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(f32ToF16(-kInf), 0xfc00);
  EXPECT_EQ(f64ToF16(1e300), 0x7c00);
  EXPECT_EQ(f64ToF16(5e-324), 0);
}

TEST(Float16, FromDoubleRoundsOnce) {
  // Just above the middle of 1 and its successor; rounding to f32 first would land on the middle
  // and then go down to even.
  double value = 1.0 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(f64ToF16(value), 0x3c01);
  EXPECT_EQ(f32ToF16(static_cast<float>(value)), 0x3c00);
}

TEST(BFloat16, EveryPatternSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    bool isNaN = (bits & 0x7fff) > 0x7f80;
    uint32_t expected = isNaN ? bits | 0x40 : bits;
    ASSERT_EQ(f32ToBf16(bf16ToF32(uint16_t(bits))), expected);
    ASSERT_EQ(f64ToBf16(bf16ToF32(uint16_t(bits))), expected);
  }
}

TEST(BFloat16, RoundsToNearestEvenFromFloatAndDouble) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000000; ++i) {
    float value = std::bit_cast<float>(uint32_t(random()));
    if (std::isnan(value))
      continue;
    ASSERT_EQ(f32ToBf16(value), f64ToBf16(value)) << value;
  }
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x3f808000u)), 0x3f80); // tie to even
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(f32ToBf16(std::numeric_limits<float>::max()), 0x7f80);
}

class Float8Formats : public testing::TestWithParam<Float8Format> {};

TEST_P(Float8Formats, EveryPatternSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    float value = f8ToF32(uint8_t(bits), GetParam());
    for (bool saturate : {false, true}) {
      uint8_t back = f32ToF8(value, GetParam(), saturate);
      if (std::isnan(value))
        ASSERT_TRUE(std::isnan(f8ToF32(back, GetParam())));
      else if (!std::isinf(value))
        ASSERT_EQ(back, bits);
    }
  }
}

TEST_P(Float8Formats, RoundsToNearestEven) {
  uint32_t largest = f32ToF8(kInf, GetParam(), true);
  expectNearestEvenBetweenNeighbours(
      largest, [&](uint32_t bits) { return f8ToF32(uint8_t(bits), GetParam()); },
      [&](double value) { return f64ToF8(value, GetParam(), true); });
}

INSTANTIATE_TEST_SUITE_P(All, Float8Formats,
                         testing::Values(Float8Format::E4M3FN, Float8Format::E4M3FNUZ,
                                         Float8Format::E5M2, Float8Format::E5M2FNUZ));

TEST(Float8, LargestValuesAreThoseOfTheFormats) {
  EXPECT_EQ(f8ToF32(0x7e, Float8Format::E4M3FN), 448.0f);
  EXPECT_EQ(f8ToF32(0x7f, Float8Format::E4M3FNUZ), 240.0f);
  EXPECT_EQ(f8ToF32(0x7b, Float8Format::E5M2), 57344.0f);
  EXPECT_EQ(f8ToF32(0x7f, Float8Format::E5M2FNUZ), 57344.0f);
  EXPECT_EQ(f8ToF32(0x01, Float8Format::E4M3FN), 0x1p-9f);
  EXPECT_EQ(f8ToF32(0x01, Float8Format::E5M2FNUZ), 0x1p-17f);
}

// The values of ONNX's own Cast tests.
TEST(Float8, OutOfRangeValuesFollowTheSaturateFlag) {
  struct Case {
    Float8Format format;
    uint8_t saturated, overflow, negativeOverflow, nan, tinyNegative;
  };
  for (Case c : {Case{Float8Format::E4M3FN, 0x7e, 0x7f, 0xff, 0x7f, 0x80},
                 Case{Float8Format::E4M3FNUZ, 0x7f, 0x80, 0x80, 0x80, 0x00},
                 Case{Float8Format::E5M2, 0x7b, 0x7c, 0xfc, 0x7e, 0x80},
                 Case{Float8Format::E5M2FNUZ, 0x7f, 0x80, 0x80, 0x80, 0x00}}) {
    for (float huge : {1e6f, kInf}) {
      EXPECT_EQ(f32ToF8(huge, c.format, true), c.saturated);
      EXPECT_EQ(f32ToF8(-huge, c.format, true), c.saturated | 0x80);
      EXPECT_EQ(f32ToF8(huge, c.format, false), c.overflow);
      EXPECT_EQ(f32ToF8(-huge, c.format, false), c.negativeOverflow);
    }
    EXPECT_EQ(f32ToF8(kNaN, c.format, true), c.nan);
    EXPECT_EQ(f32ToF8(-1e-7f, c.format, true), c.tinyNegative);
  }
}

TEST(E8M0, PowersOfTwoSurviveTheRoundTrip) {
  for (uint32_t bits = 0; bits < 255; ++bits)
    for (auto mode : {E8M0Rounding::Up, E8M0Rounding::Down, E8M0Rounding::Nearest})
      ASSERT_EQ(f32ToE8M0(e8m0ToF32(uint8_t(bits)), true, mode), bits);
  EXPECT_TRUE(std::isnan(e8m0ToF32(0xff)));
}

TEST(E8M0, RoundsAsAsked) {
  EXPECT_EQ(f32ToE8M0(1.1f, true, E8M0Rounding::Up), 128);
  EXPECT_EQ(f32ToE8M0(1.9f, true, E8M0Rounding::Down), 127);
  EXPECT_EQ(f32ToE8M0(1.4f, true, E8M0Rounding::Nearest), 127);
  EXPECT_EQ(f32ToE8M0(1.5f, true, E8M0Rounding::Nearest), 128);
  EXPECT_EQ(f32ToE8M0(0.0f, true, E8M0Rounding::Up), 0);
  EXPECT_EQ(f32ToE8M0(3e38f, true, E8M0Rounding::Up), 0xfe);
  EXPECT_EQ(f32ToE8M0(3e38f, false, E8M0Rounding::Up), 0xff);
  EXPECT_EQ(f32ToE8M0(-1.0f, true, E8M0Rounding::Up), 0xff);
  EXPECT_EQ(f32ToE8M0(kInf, true, E8M0Rounding::Up), 0xff);
}

TEST(Int4, LowNibbleComesFirst) {
  const int8_t values[] = {-8, 7, -1, 3, 5};
  uint8_t packed[packedInt4Bytes(5)];
  packInt4(values, 5, packed);
  EXPECT_EQ(packed[0], 0x78);
  EXPECT_EQ(packed[1], 0x3f);
  EXPECT_EQ(packed[2], 0x05);
  int8_t back[5];
  unpackInt4(packed, 5, back);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(back[i], values[i]);
  storeInt4(packed, 1, -2);
  EXPECT_EQ(packed[0], 0xe8);
  EXPECT_EQ(loadInt4(packed, 1), -2);
  EXPECT_EQ(loadUInt4(packed, 1), 14);
}

TEST(Rounding, NearestEvenAgreesWithTheFloatingPointUnit) {
  std::mt19937 random(3);
  for (int i = 0; i < 1000000; ++i) {
    float value = std::bit_cast<float>(uint32_t(random()));
    if (!std::isnan(value))
      ASSERT_EQ(bitsOf(roundNearestEven(value)), bitsOf(std::nearbyint(value))) << value;
  }
  for (double value : {0.5, 1.5, 2.5, -0.5, 4503599627370495.5, 1e300})
    EXPECT_EQ(roundNearestEven(value), std::nearbyint(value));
  EXPECT_TRUE(std::signbit(roundNearestEven(-0.25f)));
}

TEST(Rounding, TheFourModesDifferWhereTheyShould) {
  EXPECT_EQ(roundToInteger(2.5f, RoundingMode::NearestEven), 2.0f);
  EXPECT_EQ(roundToInteger(2.5f, RoundingMode::HalfAwayFromZero), 3.0f);
  EXPECT_EQ(roundToInteger(-2.5f, RoundingMode::HalfAwayFromZero), -3.0f);
  EXPECT_EQ(roundToInteger(-2.5f, RoundingMode::Floor), -3.0f);
  EXPECT_EQ(roundToInteger(-2.5f, RoundingMode::Ceil), -2.0f);
  EXPECT_EQ(roundHalfAway(0.49999997f), 0.0f);
}

TEST(Requantize, ClampsRoundsAndShifts) {
  EXPECT_EQ(requantize(5, 0.5f, 0, -128, 127), 2);
  EXPECT_EQ(requantize(7, 0.5f, 10, 0, 255), 14);
  EXPECT_EQ(requantize(-1000, 1.0f, 3, -128, 127), -128);
  EXPECT_EQ(requantize(INT32_MAX, 1e30f, -5, -128, 127), 127);
  EXPECT_EQ(requantize(INT32_MIN, 1e30f, -5, -128, 127), -128);
  EXPECT_EQ(requantize(int64_t(1) << 40, 0x1p-36f, 0, -128, 127), 16);
  EXPECT_EQ(requantize(0, kInf, 7, -128, 127), -128); // 0 * inf is NaN
}

TEST(Requantize, ProductIsRoundedOnceBeforeItIsRoundedToAnInteger) {
  // The exact product is 2.5 + 2^-23 or so, the f32 product a tie or not depending on the rounding:
  // compare with f64 arithmetic that rounds to f32 explicitly.
  std::mt19937 random(4);
  for (int i = 0; i < 1000000; ++i) {
    auto accumulator = static_cast<int32_t>(random()) >> (random() % 24);
    float multiplier = std::ldexp(1.0f + float(random() % 8388608) * 0x1p-23f, -int(random() % 30));
    auto product = static_cast<float>(double(static_cast<float>(accumulator)) * multiplier);
    double expected = std::nearbyint(double(product)) + 3;
    expected = expected < -128 ? -128 : expected > 127 ? 127 : expected;
    ASSERT_EQ(requantize(accumulator, multiplier, 3, -128, 127), expected);
  }
}

TEST(Requantize, FixedPointIsWithinOneOfTheRealResult) {
  std::mt19937 random(5);
  for (int i = 0; i < 1000000; ++i) {
    auto accumulator = static_cast<int32_t>(random()) >> 8;
    double multiplier = std::ldexp(1.0 + double(random()) * 0x1p-32, -int(random() % 20) - 1);
    FixedPointMultiplier fixed = toFixedPoint(multiplier);
    double real = accumulator * multiplier;
    ASSERT_NEAR(requantizeFixedPoint(accumulator, fixed, 0, INT32_MIN, INT32_MAX), real, 1.0);
  }
  EXPECT_EQ(toFixedPoint(0.5).mantissa, 1 << 30);
  EXPECT_EQ(toFixedPoint(0.5).exponent, 0);
  EXPECT_EQ(toFixedPoint(0).mantissa, 0);
  EXPECT_EQ(roundingShiftRight(-5, 1), -3); // -2.5 away from zero
  EXPECT_EQ(roundingShiftRight(5, 1), 3);
  EXPECT_EQ(roundingDoublingHighMul(INT32_MIN, INT32_MIN), INT32_MAX);
}

TEST(Quantize, RangesAreThoseOfTheTypes) {
  EXPECT_EQ(integerRange(8, true).low, -128);
  EXPECT_EQ(integerRange(4, false).high, 15);
  EXPECT_EQ(integerRange(16, false).high, 65535);
  EXPECT_EQ(integerRange(16, true).low, -32768);
}

TEST(Quantize, DividesRoundsToEvenAndSaturates) {
  EXPECT_EQ(quantizeLinear(2.5f, 1.0f, 128, integerRange(8, false)), 130);
  EXPECT_EQ(quantizeLinear(-3.5f, 1.0f, 128, integerRange(8, false)), 124);
  EXPECT_EQ(quantizeLinear(1e9f, 0.1f, 0, integerRange(8, true)), 127);
  EXPECT_EQ(quantizeLinear(1e9f, 0.1f, -7, integerRange(16, false)), 65535);
  // 3.0f / 0.3f is 10 after rounding; 3.0f * (1 / 0.3f) is not below.
  EXPECT_EQ(quantizeLinear(0.15f, 0.1f, 0, integerRange(8, true)),
            int32_t(std::nearbyint(0.15f / 0.1f)));
}

TEST(Quantize, EveryByteSurvivesDequantizeAndQuantize) {
  for (int q = -128; q <= 127; ++q)
    ASSERT_EQ(quantizeLinear(dequantizeLinear(q, 0.037f, 11), 0.037f, 11, integerRange(8, true)),
              q);
  EXPECT_EQ(dequantizeLinear(INT32_MIN, 1.0f, 1), -2147483648.0f);
}

TEST(Table, MatchesTheFunctionAtEveryByte) {
  uint8_t table[kTableSize];
  auto sigmoid = [](float x) { return static_cast<float>(1 / (1 + std::exp(-double(x)))); };
  buildTable(table, {0.05f, -3}, true, {1 / 256.0f, 0}, false, sigmoid);
  for (int q = -128; q <= 127; ++q) {
    float y = sigmoid(float(q + 3) * 0.05f);
    ASSERT_EQ(table[uint8_t(q)], quantizeLinear(y, 1 / 256.0f, 0, integerRange(8, false)));
  }
}

} // namespace
