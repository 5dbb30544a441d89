// Convolutions against naive loops.
#include "tests/unit/native/ConvCases.h"

namespace edgecc::test {
namespace {

class NativeConv : public NativeContraction {};

INSTANTIATE_TEST_SUITE_P(Levels, NativeConv,
                         testing::Values("baseline", "avx2", "avx2+avx512f+avx512vl+avx512vnni",
                                         "avx512", "avx512vnni"));

TEST_P(NativeConv, ConvMatchesNaiveLoops) {
  Harness h(1);
  for (size_t spatial : {2, 2, 2, 1, 3})
    for (int i = 0; i < 12; ++i)
      addConv(h, randomConv(h, spatial, false));
  h.runAndCompare(target_);
}

TEST_P(NativeConv, HalfConvRoundsOnce) {
  Harness h(3);
  for (DType dtype : {DType::F16, DType::BF16})
    for (int i = 0; i < 6; ++i) {
      ConvCase c = randomConv(h, 2, i == 5);
      c.dtype = dtype;
      c.x[1] = c.w[transposedAxis(c)] = std::min<int64_t>(c.x[1], 4); // sums that need no rounding
      c.group = 1;
      c.w[c.outputPadding.empty() ? 1 : 0] = c.x[1];
      addConv(h, c);
    }
  h.runAndCompare(target_);
}

// Kernels with few input channels, as of images, or few output channels.
TEST_P(NativeConv, ConvOfFewChannelsMatchesNaiveLoops) {
  Harness h(13);
  for (int i = 0; i < 40; ++i) {
    ConvCase c = randomConv(h, i % 8 == 7 ? 1 : 2, i % 5 == 4);
    bool transposed = !c.outputPadding.empty(), fewInputs = i % 2;
    c.group = i % 4 == 2 ? 2 : 1;
    int64_t few = h.uniform(1, 5), many = h.uniform(3, 40);
    int64_t ic = fewInputs ? few : many, oc = fewInputs ? many : few;
    c.x[1] = ic * c.group;
    c.w[0] = transposed ? ic * c.group : oc * c.group;
    c.w[1] = transposed ? oc : ic;
    c.x.back() = h.uniform(16, 50);
    if (i % 3)
      c.strides.back() = 1;
    if (transposed)
      c.outputPadding.back() = 0;
    c.channelsLast = i % 3 != 0;
    c.constantWeights = true;
    if (i % 10 == 9) {
      c.dtype = DType::F16;
      c.bias = false;
      c.x[1] = c.w[transposed ? 0 : 1] = 2; // sums that need no rounding
      c.group = 1;
    }
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeConv, DepthwiseConvMatchesNaiveLoops) {
  Harness h(4);
  for (int i = 0; i < 30; ++i) {
    ConvCase c = randomConv(h, i % 10 == 0 ? 1 : i % 10 == 1 ? 3 : 2, false);
    c.channelsLast = true;
    c.constantWeights = i % 7 != 0;
    makeDepthwise(h, c);
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeConv, IntegerConvIsExact) {
  Harness h(5);
  for (int i = 0; i < 36; ++i) {
    ConvCase c = randomConv(h, i % 8 == 0 ? 1 : 2, false);
    makeNarrow(h, c);
    if (i % 4 == 3) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

// Images that leave the second-level cache, whose units count the groups first.
TEST_P(NativeConv, GroupsOfLargeImagesMatchNaiveLoops) {
  Harness h(21);
  for (int64_t stride : {1, 2})
    for (int64_t batch : {1, 2}) {
      ConvCase c = randomConv(h, 2, false);
      c.group = 3;
      c.x = {batch, 24, 81, 75};
      c.w = {3 * (stride == 1 ? 8 : 5), 8, 3, 3};
      c.strides = {stride, stride};
      c.dilations = {1, 1};
      c.pads = {1, 1, 1, 1};
      c.channelsLast = c.constantWeights = true;
      addConv(h, c);
    }
  h.runAndCompare(target_);
}

// relu(conv(x, w) + residual) * scale per channel.
TEST_P(NativeConv, FusedOpsFollowConv) {
  Harness h(10);
  for (int i = 0; i < 30; ++i) {
    ConvCase c = randomConv(h, 2, i % 5 == 4);
    c.bias = false;
    if (i % 5 == 3) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    auto order = c.channelsLast ? channelsLast(4) : std::vector<int>{};
    auto x = h.argument(c.dtype, c.x, order);
    auto w = h.constant(c.dtype, c.w);
    Dims y{c.x[0], c.outputPadding.empty() ? c.w[0] : c.w[1] * c.group};
    for (size_t d = 0; d < 2; ++d) {
      int64_t reach = (c.w[d + 2] - 1) * c.dilations[d] + 1, pads = c.pads[d] + c.pads[2 + d];
      y.push_back(c.outputPadding.empty()
                      ? (c.x[d + 2] + pads - reach) / c.strides[d] + 1
                      : (c.x[d + 2] - 1) * c.strides[d] + c.outputPadding[d] + reach - pads);
    }
    auto residual = h.argument(c.dtype, y, i % 2 ? order : std::vector<int>{});
    auto scale = h.constant(c.dtype, {y[1], 1, 1});
    Attributes attributes{
        {"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}};
    if (!c.outputPadding.empty())
      attributes["output_padding"] = c.outputPadding;
    // A chain that is long enough for the epilogue's loop in every other case.
    int repeats = i % 2 ? 12 : 1;
    Op *op = h.fuse(c.outputPadding.empty() ? OpKind::Conv : OpKind::ConvTranspose,
                    {x.value, w.value}, attributes, {residual.value, scale.value},
                    [&](Builder &b, Value *sum, const std::vector<Value *> &others) {
                      for (int r = 0; r < repeats; ++r)
                        sum = b.create(OpKind::Add, {sum, others[0]});
                      sum = b.create(OpKind::Relu, {sum});
                      return b.create(OpKind::Mul, {sum, others[1]});
                    });
    auto expected = naiveConv(c, x.logical, w.logical, {}, y);
    Dims index(4, 0);
    do {
      auto at = static_cast<size_t>(flat(index, y));
      expected[at] = std::max(0.0, expected[at] + repeats * residual.logical[at]) *
                     scale.logical[static_cast<size_t>(index[1])];
    } while (next(index, y));
    h.expect(op, std::move(expected), order,
             "fused " + str(c.x) + " * " + str(c.w) + " g" + std::to_string(c.group));
  }
  h.runAndCompare(target_);
}

// Filters of at least three lines, which kernels for bytes may weave together.
TEST_P(NativeConv, IntegerDepthwiseConvIsExact) {
  Harness h(14);
  for (int i = 0; i < 40; ++i) {
    ConvCase c = randomConv(h, 2, false);
    makeNarrow(h, c);
    c.channelsLast = true;
    c.constantWeights = true;
    makeDepthwise(h, c);
    if (i % 4 == 0)
      c.group = c.x[1] = c.w[0] = 64 * (1 + i % 3);
    c.w[2] = h.uniform(3, 6);
    c.x[2] = std::max(c.x[2], (c.w[2] - 1) * c.dilations[0] + 1 + h.uniform(0, 6));
    if (i % 2)
      c.dilations = {1, 1};
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

// Larger than kernels for depthwise filters unroll.
TEST_P(NativeConv, DepthwiseConvOfLargeFiltersMatchesNaiveLoops) {
  Harness h(17);
  for (DType dtype : {DType::F32, DType::U8, DType::I8})
    for (Dims kernel : {Dims{17, 18}, Dims{3, 16}}) {
      ConvCase c;
      c.x = {2, 12, 19, 700};
      c.w = {12, 1, kernel[0], kernel[1]};
      c.strides = {2, kernel[0] == 3 ? 1 : 3};
      c.dilations = {1, kernel[0] == 3 ? 61 : 1};
      int64_t pad = (kernel[1] - 1) * c.dilations[1] / 2;
      c.pads = {kernel[0] / 2, pad, kernel[0] / 2, pad};
      c.group = 12;
      c.dtype = dtype;
      c.weightType = isFloat(dtype) ? dtype : DType::I8;
      c.xZero = isFloat(dtype) ? 0 : 77;
      addConv(h, c);
    }
  h.runAndCompare(target_);
}

// Large enough for several units of work along lines and channels.
TEST_P(NativeConv, LargeIntegerDepthwiseConvIsExact) {
  Harness h(15);
  for (int64_t stride : {1, 2}) {
    ConvCase c = randomConv(h, 2, false);
    makeNarrow(h, c);
    c.x = {1, 144, 41, 37};
    c.w = {144, 1, 3, 3};
    c.group = 144;
    c.strides = {stride, stride};
    c.dilations = {1, 1};
    c.pads = {1, 1, 1, 1};
    c.weightType = DType::I8;
    c.wZero = 0;
    c.variableZero = false;
    c.channelsLast = c.constantWeights = true;
    addConv(h, c);
  }
  h.runAndCompare(target_);
}

// clamp(round(sum * multiplier) + zero point), with a multiplier for each channel. `narrow`: bounds
// within those of the type; `large`: products beyond 32 bits.
void addRequantized(Harness &h, ConvCase c, bool narrow, bool large) {
  bool isSigned = h.uniform(0, 1);
  int64_t least = isSigned ? -128 : 0, zero = least + h.uniform(0, 255);
  int64_t low = narrow ? least + h.uniform(0, 40) : least,
          high = narrow ? low + h.uniform(1, 200) : least + 255;
  c.bias = false;
  c.constantWeights = true;
  auto order = c.channelsLast ? channelsLast(4) : std::vector<int>{};
  auto x = h.argument(c.dtype, c.x, order);
  auto w = h.constant(c.weightType, c.w);
  auto xZero = h.constant(c.dtype, {}, {static_cast<double>(c.xZero)});
  auto wZero = h.constant(c.weightType, {}, {static_cast<double>(c.wZero)});
  std::vector<double> multipliers;
  for (int64_t m = 0; m < c.w[0]; ++m)
    multipliers.push_back(
        std::ldexp(1.0, static_cast<int>(large ? h.uniform(16, 30) : h.uniform(-8, -4))));
  auto multiplier = h.constant(DType::F32, {c.w[0]}, multipliers);
  Op *op = h.fuse(
      OpKind::Conv, {x.value, w.value, nullptr, xZero.value, wZero.value},
      {{"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}},
      {multiplier.value}, [&](Builder &b, Value *sum, const std::vector<Value *> &others) {
        return b.create(OpKind::Requantize, {sum, others[0]},
                        {{"zero_point", zero},
                         {"low", low},
                         {"high", high},
                         {"to", isSigned ? DType::I8 : DType::U8}});
      });
  const Dims &y = op->result()->dims();
  auto expected = naiveConv(c, x.logical, w.logical, {}, y);
  Dims index(4, 0);
  do {
    auto at = static_cast<size_t>(flat(index, y));
    double scaled = std::nearbyint(expected[at] * multipliers[static_cast<size_t>(index[1])]);
    expected[at] = std::clamp(scaled + static_cast<double>(zero), static_cast<double>(low),
                              static_cast<double>(high));
  } while (next(index, y));
  h.expect(op, std::move(expected), order, "requantized " + str(c.x) + " * " + str(c.w));
}

TEST_P(NativeConv, RequantizeFollowsIntegerConv) {
  Harness h(11);
  for (int i = 0; i < 24; ++i) {
    ConvCase c = randomConv(h, 2, false);
    makeNarrow(h, c);
    if (i % 3 == 2) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    addRequantized(h, c, i % 2 == 0, i % 6 < 2);
  }
  h.runAndCompare(target_);
}

// Blocks of all widths, whole and with a rest.
TEST_P(NativeConv, RequantizeFollowsIntegerDepthwiseConv) {
  Harness h(16);
  int i = 0;
  for (int64_t channels : {16, 24, 32, 36, 48, 63, 64, 80, 96, 100, 132, 192})
    for (int64_t kernel : {3, 5}) {
      ConvCase c = randomConv(h, 2, false);
      makeNarrow(h, c);
      c.weightType = DType::I8;
      c.wZero = 0;
      c.variableZero = false;
      c.group = channels;
      c.x = {1 + i % 2, channels, h.uniform(5, 19), h.uniform(5, 19)};
      c.w = {channels, 1, kernel, kernel};
      c.dilations = {1, 1};
      c.strides = {1 + i % 3 / 2, 1 + i % 3 / 2};
      c.pads = {kernel / 2, h.uniform(0, 3), i % 2, kernel / 2};
      c.channelsLast = true;
      addRequantized(h, c, i % 3 == 0, false);
      ++i;
    }
  h.runAndCompare(target_);
}

// clamp(round(swish(sum * factor) / scale) + zero point), with a factor for each channel, within
// the bounds of 8 bits.
TEST_P(NativeConv, QuantizedSwishFollowsIntegerConv) {
  Harness h(17);
  for (int i = 0; i < 16; ++i) {
    ConvCase c = randomConv(h, 2, false);
    makeNarrow(h, c);
    if (i % 2) {
      c.channelsLast = true;
      makeDepthwise(h, c);
    }
    c.constantWeights = true;
    auto order = c.channelsLast ? channelsLast(4) : std::vector<int>{};
    auto x = h.argument(c.dtype, c.x, order);
    auto w = h.constant(c.weightType, c.w);
    auto xZero = h.constant(c.dtype, {}, {static_cast<double>(c.xZero)});
    auto wZero = h.constant(c.weightType, {}, {static_cast<double>(c.wZero)});
    // Of the sums, so that results cover their range and its bounds.
    std::vector<double> factors;
    for (int64_t m = 0; m < c.w[0]; ++m)
      factors.push_back(std::ldexp(1.0, static_cast<int>(-h.uniform(3, 9))));
    bool isSigned = h.uniform(0, 1);
    DType to = isSigned ? DType::I8 : DType::U8;
    double low = isSigned ? -128 : 0, zero = low + static_cast<double>(h.uniform(0, 60));
    float step = 0.0137f * static_cast<float>(1 + i);
    auto factor = h.constant(DType::F32, {c.w[0]}, factors);
    auto scale = h.constant(DType::F32, {}, {step});
    auto zeroPoint = h.constant(to, {}, {zero});
    Op *op = h.fuse(
        OpKind::Conv, {x.value, w.value, nullptr, xZero.value, wZero.value},
        {{"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}},
        {factor.value, scale.value, zeroPoint.value},
        [&](Builder &b, Value *sum, const std::vector<Value *> &others) {
          Value *real = b.create(OpKind::DequantizeLinear, {sum, others[0], nullptr},
                                 {{"axis", int64_t{1}}, {"to", DType::F32}});
          Value *activated = b.create(OpKind::Swish, {real});
          return b.create(OpKind::QuantizeLinear, {activated, others[1], others[2]}, {{"to", to}});
        });
    const Dims &y = op->result()->dims();
    auto expected = naiveConv(c, x.logical, w.logical, {}, y);
    Dims index(4, 0);
    do {
      auto at = static_cast<size_t>(flat(index, y));
      double real = expected[at] * factors[static_cast<size_t>(index[1])];
      double ratio = real / (1 + std::exp(-real)) / static_cast<double>(step);
      expected[at] = std::clamp(std::nearbyint(ratio) + zero, low, low + 255);
    } while (next(index, y));
    h.expect(op, std::move(expected), order, "quantised swish " + str(c.x) + " * " + str(c.w));
  }
  h.runAndCompare(target_);
}

TEST_P(NativeConv, ConvTransposeMatchesNaiveLoops) {
  Harness h(2);
  for (size_t spatial : {2, 2, 1, 3})
    for (int i = 0; i < 6; ++i)
      addConv(h, randomConv(h, spatial, true));
  h.runAndCompare(target_);
}

} // namespace
} // namespace edgecc::test
