// Winograd convolutions against naive loops: tiles of every size, all levels of x86-64, any number
// of threads.
#include "backends/native/winograd/Winograd.h"
#include "tests/unit/native/ConvCases.h"

namespace edgecc::test {
namespace {

using native::ConvAlgorithm;

// y = output * ((filter * g) . (input * d)) is the correlation, up to rounding in f64.
TEST(CookToom, MultipliesLikeAFilter) {
  for (auto [outputs, taps] : {std::pair{1, 1}, {2, 3}, {4, 3}, {6, 3}, {2, 5}, {4, 5}}) {
    native::CookToom form = native::cookToom(outputs, taps);
    auto n = static_cast<size_t>(form.points());
    std::vector<double> d(n), g(static_cast<size_t>(taps));
    for (size_t i = 0; i < n; ++i)
      d[i] = 1.5 * static_cast<double>(i * i % 7) - 2;
    for (size_t i = 0; i < g.size(); ++i)
      g[i] = 3 - 1.25 * static_cast<double>(i);
    auto multiply = [](const native::Matrix &matrix, const std::vector<double> &vector) {
      std::vector<double> out(matrix.size());
      for (size_t i = 0; i < matrix.size(); ++i)
        for (size_t k = 0; k < vector.size(); ++k)
          out[i] += matrix[i][k] * vector[k];
      return out;
    };
    std::vector<double> left = multiply(form.input, d), right = multiply(form.filter, g);
    for (size_t i = 0; i < n; ++i)
      left[i] *= right[i];
    std::vector<double> y = multiply(form.output, left);
    ASSERT_EQ(y.size(), static_cast<size_t>(outputs));
    for (size_t i = 0; i < y.size(); ++i) {
      double expected = 0;
      for (size_t k = 0; k < g.size(); ++k)
        expected += g[k] * d[i + k];
      EXPECT_NEAR(y[i], expected, 1e-12) << "F(" << outputs << ", " << taps << ")";
    }
    for (const native::Matrix *matrix : {&form.input, &form.output})
      for (const std::vector<double> &row : *matrix)
        for (double value : row)
          EXPECT_EQ(value, static_cast<double>(static_cast<float>(value)));
  }
}

class Winograd : public NativeContraction {
protected:
  // The multiples of 2^-24, of the largest result, by which results may differ from exact ones.
  static double toleranceOf(ConvAlgorithm algorithm) {
    double units = algorithm == ConvAlgorithm::Winograd2   ? 60
                   : algorithm == ConvAlgorithm::Winograd4 ? 300
                                                           : 1500;
    return units / (1 << 24);
  }

  static ConvCase convOf(int64_t channels, int64_t columns, const Dims &image, const Dims &kernel,
                         const Dims &pads) {
    ConvCase c;
    c.x = {1, channels};
    c.w = {columns, channels};
    c.x.insert(c.x.end(), image.begin(), image.end());
    c.w.insert(c.w.end(), kernel.begin(), kernel.end());
    c.strides = c.dilations = Dims(image.size(), 1);
    c.pads = pads;
    return c;
  }
};

constexpr ConvAlgorithm kSizes[] = {ConvAlgorithm::Winograd2, ConvAlgorithm::Winograd4,
                                    ConvAlgorithm::Winograd6};

INSTANTIATE_TEST_SUITE_P(Levels, Winograd,
                         testing::Values("baseline", "avx2", "avx512", "avx512vnni"));

TEST_P(Winograd, MatchesNaiveLoops) {
  for (ConvAlgorithm algorithm : kSizes) {
    Harness h(1);
    h.options.algorithms.conv = algorithm;
    h.tolerance = toleranceOf(algorithm);
    for (int i = 0; i < 6; ++i) {
      static const Dims kKernels[] = {{3, 3}, {3, 3}, {1, 3}, {5, 5}, {3, 1}, {3, 5}};
      const Dims &kernel = kKernels[i % 6];
      Dims image{h.uniform(3, 25), h.uniform(3, 25)}, pads;
      for (int side = 0; side < 4; ++side)
        pads.push_back(h.uniform(0, 5) ? h.uniform(0, 2) : -1);
      for (size_t d = 0; d < 2; ++d)
        image[d] = std::max(image[d], kernel[d] + 2);
      ConvCase c = convOf(h.uniform(1, 40), h.uniform(1, 70), image, kernel, pads);
      c.x[0] = h.uniform(1, 2);
      c.bias = i % 2;
      if (i == 1) {
        c.group = h.uniform(2, 3);
        c.x[1] *= c.group;
        c.w[0] *= c.group;
      }
      addConv(h, c);
    }
    h.runAndCompare(target_, 3);
  }
}

// Few tiles and many weights: the input is transformed by a kernel of its own.
TEST_P(Winograd, SplitsFewTilesOfManyChannels) {
  for (ConvAlgorithm algorithm : kSizes) {
    Harness h(2);
    h.options.algorithms.conv = algorithm;
    h.tolerance = toleranceOf(algorithm);
    addConv(h, convOf(150, 90, {7, 7}, {3, 3}, {1, 1, 1, 1}));
    addConv(h, convOf(33, 130, {14, 13}, {3, 3}, {1, 1, 1, 1}));
    h.runAndCompare(target_, 4);
  }
}

// Many blocks of tiles, of which the last has fewer.
TEST_P(Winograd, BlocksLargeImages) {
  for (ConvAlgorithm algorithm : kSizes) {
    Harness h(3);
    h.options.algorithms.conv = algorithm;
    h.tolerance = toleranceOf(algorithm);
    addConv(h, convOf(12, 20, {61, 58}, {3, 3}, {1, 1, 1, 1}));
    addConv(h, convOf(40, 12, {33, 47}, {3, 3}, {0, 0, 0, 0}));
    h.runAndCompare(target_, 4);
  }
}

// relu(conv(x, w) + residual) * scale per channel, with a chain that is long enough for the
// epilogue's loop in one case.
TEST_P(Winograd, FusedOpsFollow) {
  for (ConvAlgorithm algorithm : kSizes)
    for (int repeats : {1, 60}) {
      Harness h(4);
      h.options.algorithms.conv = algorithm;
      h.tolerance = toleranceOf(algorithm);
      ConvCase c = convOf(20, 37, {15, 18}, {3, 3}, {1, 1, 1, 1});
      auto order = channelsLast(4);
      auto x = h.argument(c.dtype, c.x, order);
      auto w = h.constant(c.dtype, c.w);
      Dims y{1, 37, 15, 18};
      auto residual = h.argument(c.dtype, y, order);
      auto scale = h.constant(c.dtype, {37, 1, 1});
      Op *op = h.fuse(OpKind::Conv, {x.value, w.value},
                      {{"strides", c.strides},
                       {"dilations", c.dilations},
                       {"pads", c.pads},
                       {"group", c.group}},
                      {residual.value, scale.value},
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
      h.expect(op, std::move(expected), order, "fused");
      h.runAndCompare(target_, 2);
    }
}

// With --exact, and where the method does not apply, sums are those of direct convolutions.
TEST_P(Winograd, ExactNeverUsesIt) {
  for (bool isExact : {true, false}) {
    Harness h(5);
    h.options.algorithms.conv =
        isExact ? ConvAlgorithm::Direct : ConvAlgorithm::Winograd6; // of a strided convolution
    ConvCase c = convOf(32, 32, {24, 24}, {3, 3}, {1, 1, 1, 1});
    if (!isExact)
      c.strides = {2, 2};
    addConv(h, c);
    auto code = native::generateCode(h.finish(), target_, h.options);
    ASSERT_TRUE(code) << edgecc::str(code.error());
    EXPECT_EQ(code->layers[0].op.find("Winograd"), std::string::npos) << code->layers[0].op;
  }
}

TEST_P(Winograd, IsChosenWhereItIsFaster) {
  auto layerOf = [&](int64_t channels, int64_t columns, int64_t extent) {
    Harness h(6);
    h.options.algorithms = {};
    addConv(h, convOf(channels, columns, {extent, extent}, {3, 3}, {1, 1, 1, 1}));
    auto code = native::generateCode(h.finish(), target_, h.options);
    return code ? code->layers[0].op : edgecc::str(code.error());
  };
  EXPECT_NE(layerOf(48, 48, 20).find("Conv 3x3 Winograd"), std::string::npos);
  EXPECT_EQ(layerOf(64, 1, 16), "Conv 3x3");
  EXPECT_EQ(layerOf(8, 8, 2), "Conv 3x3");
}

// The shape of the cross test, which runs it under emulation.
TEST(WinogradOnOtherMachines, IsChosen) {
  for (auto [machine, level] : {std::pair{"aarch64", "neon"},
                                {"aarch64", "dotprod"},
                                {"riscv64", "rv64gc"},
                                {"riscv64", "rv64gcv"}}) {
    auto target = native::resolveTarget(machine, level);
    ASSERT_TRUE(target) << edgecc::str(target.error());
    Harness h(7);
    ConvCase c;
    c.x = {1, 32, 22, 25};
    c.w = {44, 32, 3, 3};
    c.strides = c.dilations = {1, 1};
    c.pads = {1, 1, 1, 1};
    addConv(h, c);
    auto code = native::generateCode(h.finish(), *target, {});
    ASSERT_TRUE(code) << edgecc::str(code.error());
    EXPECT_NE(code->layers[0].op.find("Conv 3x3 Winograd"), std::string::npos)
        << machine << " " << level;
  }
}

} // namespace
} // namespace edgecc::test
