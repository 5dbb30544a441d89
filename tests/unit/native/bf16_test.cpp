// Contractions of f32 activations and bf16 weights that multiply pairs of bf16.
#include "runtime/numerics/Float16.h"
#include "tests/unit/native/ConvCases.h"

#include <limits>

namespace edgecc::test {
namespace {

constexpr const char *kLevel = "avx512vnni+avx512bf16";

class PairBF16 : public NativeContraction {
protected:
  static std::unique_ptr<Harness> harness(uint32_t seed) {
    auto h = std::make_unique<Harness>(seed);
    h->options.algorithms.bf16Products = true;
    return h;
  }

  // Values with more bits than bf16 has, in [0.5, 2): sums of products are sums of magnitudes.
  static std::vector<double> fractions(Harness &h, const Dims &dims) {
    std::uniform_real_distribution<float> uniform(0.5f, 2.0f);
    std::vector<double> out;
    for (int64_t i = 0; i < numElements(dims); ++i)
      out.push_back(uniform(h.random()));
    return out;
  }

  static std::vector<double> rounded(std::vector<double> values) {
    for (double &value : values)
      value = numerics::bf16ToF32(numerics::f32ToBf16(static_cast<float>(value)));
    return values;
  }
};

INSTANTIATE_TEST_SUITE_P(Level, PairBF16, testing::Values(kLevel));

// Small integers, so that every sum is exact: all that matters is which elements meet.
TEST_P(PairBF16, ConvMatchesNaiveLoops) {
  auto h = harness(21);
  for (size_t spatial : {2, 2, 2, 1, 3})
    for (int i = 0; i < 12; ++i) {
      ConvCase c = randomConv(*h, spatial, i % 4 == 3);
      c.weightType = DType::BF16;
      c.constantWeights = i % 6 != 5;
      addConv(*h, c);
    }
  h->runAndCompare(target_, 3);
}

// Odd numbers of channels and columns, 1x1 and 3x3 with padding, planes of an image.
TEST_P(PairBF16, OddExtentsMatchNaiveLoops) {
  auto h = harness(22);
  for (int64_t channels : {1, 2, 3, 4, 5, 15, 17, 33, 64})
    for (int64_t columns : {13, 17, 33, 64})
      for (int64_t kernel : {1, 3}) {
        ConvCase c;
        c.x = {1, channels, 9, 11};
        c.w = {columns, channels, kernel, kernel};
        c.strides = {1, 1 + columns % 2};
        c.dilations = {1, 1};
        c.pads = Dims(4, kernel / 2);
        c.channelsLast = channels > 4;
        c.weightType = DType::BF16;
        addConv(*h, c);
      }
  h->runAndCompare(target_, 3);
}

// Against sums in f64 of products of the rounded activations. A product of two bf16 is exact in
// f32, so that n products take n roundings, each of at most 2^-24 of the sum of magnitudes.
TEST_P(PairBF16, ActivationsAreRoundedAndSumsAreF32) {
  for (int64_t depth : {1, 2, 7, 64, 255, 1024})
    for (int64_t columns : {1, 16, 37, 96}) {
      auto h = harness(static_cast<uint32_t>(depth + columns));
      constexpr int64_t kRows = 19;
      std::vector<double> a = fractions(*h, {kRows, depth}),
                          b = rounded(fractions(*h, {depth, columns}));
      auto x = h->argument(DType::F32, {kRows, depth}, a);
      auto w = h->constant(DType::BF16, {depth, columns}, b);
      a = rounded(a);
      std::vector<double> expected;
      for (int64_t row = 0; row < kRows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
          double sum = 0;
          for (int64_t k = 0; k < depth; ++k)
            sum += a[static_cast<size_t>(row * depth + k)] *
                   b[static_cast<size_t>(k * columns + column)];
          expected.push_back(sum);
        }
      h->expect(h->create(OpKind::MatMul, {x.value, w.value}, {}), std::move(expected), {},
                "matmul of " + std::to_string(depth));
      // Both the f32 result and the sum of magnitudes are within 1 + 2^-10 of `expected`.
      h->tolerance = 1.001 * static_cast<double>(depth) / (1 << 24);
      h->runAndCompare(target_, 3);
    }
}

TEST_P(PairBF16, RoundingConvStaysWithinItsBound) {
  for (int64_t channels : {3, 21, 64}) {
    auto h = harness(static_cast<uint32_t>(channels));
    ConvCase c;
    c.x = {1, channels, 12, 14};
    c.w = {33, channels, 3, 3};
    c.strides = c.dilations = {1, 1};
    c.pads = {1, 1, 1, 1};
    std::vector<double> image = fractions(*h, c.x), weights = rounded(fractions(*h, c.w));
    auto x = h->argument(DType::F32, c.x, image);
    auto w = h->constant(DType::BF16, c.w, weights);
    Op *op = h->create(
        OpKind::Conv, {x.value, w.value},
        {{"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}});
    h->expect(op, naiveConv(c, rounded(image), weights, {}, op->result()->dims()), {}, "conv");
    h->tolerance = 1.001 * static_cast<double>(9 * channels) / (1 << 24);
    h->runAndCompare(target_, 3);
  }
}

// The zeros that complete a pair meet zeros, not the pixel that follows.
TEST_P(PairBF16, InfinitiesStayInTheirPixel) {
  for (int64_t channels : {3, 5}) {
    auto h = harness(23);
    constexpr int64_t kPixels = 20, kColumns = 32;
    ConvCase c;
    c.x = {1, channels, 1, kPixels};
    c.w = {kColumns, channels, 1, 1};
    c.strides = c.dilations = {1, 1};
    c.pads = Dims(4, 0);
    std::vector<double> image(static_cast<size_t>(channels * kPixels), 1.0);
    for (int64_t pixel = 1; pixel < kPixels; pixel += 2)
      image[static_cast<size_t>(pixel)] = std::numeric_limits<double>::infinity();
    std::vector<double> ones(static_cast<size_t>(kColumns * channels), 1.0);
    auto x = h->argument(DType::F32, c.x, image);
    auto w = h->constant(DType::BF16, c.w, ones);
    Op *op = h->create(
        OpKind::Conv, {x.value, w.value},
        {{"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}});
    h->expect(op, naiveConv(c, image, ones, {}, op->result()->dims()), {}, "infinities");
    h->runAndCompare(target_);
  }
}

// On any machine: which instruction multiplies, and when.
TEST(PairBF16Code, MultipliesPairsUnlessExact) {
  auto assembly = [](const char *cpu, bool pairs) {
    auto target = native::resolveTarget("x86-64", cpu);
    EXPECT_TRUE(target);
    Harness h(24);
    h.options.algorithms.bf16Products = pairs;
    auto x = h.argument(DType::F32, {1, 64, 14, 14}, channelsLast(4));
    auto w = h.constant(DType::BF16, {64, 64, 3, 3});
    Op *op = h.create(OpKind::Conv, {x.value, w.value},
                      {{"strides", Dims{1, 1}},
                       {"dilations", Dims{1, 1}},
                       {"pads", Dims(4, 1)},
                       {"group", int64_t{1}}});
    h.expect(op, {}, channelsLast(4), "");
    auto code = native::emitAssembly(h.finish(), *target, h.options);
    EXPECT_TRUE(code) << (code ? "" : edgecc::str(code.error()));
    return code ? *code : "";
  };
  EXPECT_NE(assembly(kLevel, true).find("vdpbf16ps"), std::string::npos);
  EXPECT_EQ(assembly(kLevel, false).find("vdpbf16ps"), std::string::npos);
  EXPECT_EQ(assembly("avx512vnni", true).find("vdpbf16ps"), std::string::npos);
}

} // namespace
} // namespace edgecc::test
