// What the cost model promises to those who prune and quantise by it. Its accuracy is measured by
// edgecc-layer-bench.
#include "backends/native/contraction/Cost.h"
#include "ir/Builder.h"

#include <cmath>
#include <gtest/gtest.h>

namespace edgecc {
namespace {

using native::ConvAlgorithm;
using native::layerCost;

struct Shape {
  int64_t in, out, size, kernel, stride = 1, group = 1;
};

// Nanoseconds of one convolution.
double cost(const Shape &s, DType dtype, const std::string &cpu, const char *machine = "x86-64",
            ConvAlgorithm algorithm = ConvAlgorithm::Auto) {
  auto target = native::resolveTarget(machine, cpu);
  if (!target)
    throw std::runtime_error(str(target.error()));
  Module module;
  Function &function = module.addFunction("f");
  Builder builder(module, function.body);
  Value *x = function.body.addArgument({DType::F32, {1, s.in, s.size, s.size}, 0, {}});
  Value *w = builder.constant(Tensor(DType::F32, {s.out, s.in / s.group, s.kernel, s.kernel}));
  int64_t pad = s.kernel / 2;
  Op *conv = builder.createOp(OpKind::Conv, std::vector<Value *>{x, w},
                              {{"strides", Dims{s.stride, s.stride}},
                               {"dilations", Dims{1, 1}},
                               {"pads", Dims{pad, pad, pad, pad}},
                               {"group", s.group}});
  DType weights = dtype == DType::U8 ? DType::I8 : dtype;
  return layerCost(*conv, dtype, weights, *target, algorithm).nanoseconds();
}

double directCost(const Shape &s, DType dtype, const std::string &cpu) {
  return cost(s, dtype, cpu, "x86-64", ConvAlgorithm::Direct);
}

// Where another tile is chosen an estimate may dip by a part of a percent.
constexpr double kAlmost = 0.995;

class CostModel : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Levels, CostModel, testing::Values("avx2", "avx512", "avx512vnni"));

TEST_P(CostModel, FallsWithEveryStepOfTheChannelMultiple) {
  auto target = native::resolveTarget("x86-64", GetParam());
  ASSERT_TRUE(target);
  for (DType dtype : {DType::F32, DType::U8}) {
    int64_t step = native::columnMultiple(dtype, *target);
    for (int64_t kernel : {1, 3})
      for (int64_t size : {8, 28, 56}) {
        double less = 0;
        for (int64_t out = step; out <= 256; out += step) {
          double now = cost({64, out, size, kernel}, dtype, GetParam());
          EXPECT_GT(now, less * kAlmost)
              << name(dtype) << " 64>" << out << " " << kernel << "x" << kernel << " of " << size;
          less = now;
        }
        less = 0;
        for (int64_t in = step; in <= 256; in += step) {
          double now = cost({in, 64, size, kernel}, dtype, GetParam());
          EXPECT_GT(now, less * kAlmost)
              << name(dtype) << " " << in << ">64 " << kernel << "x" << kernel << " of " << size;
          less = now;
        }
        less = 0;
        for (int64_t channels = step; channels <= 256; channels += step) {
          double now = cost({channels, channels, size, 3, 1, channels}, dtype, GetParam());
          EXPECT_GT(now, less * kAlmost)
              << name(dtype) << " depthwise " << channels << " of " << size;
          less = now;
        }
      }
  }
}

TEST_P(CostModel, GrowsWithTheArithmetic) {
  for (DType dtype : {DType::F32, DType::U8}) {
    EXPECT_GT(directCost({64, 64, 56, 3}, dtype, GetParam()),
              5 * directCost({64, 64, 56, 1}, dtype, GetParam()));
    EXPECT_GT(directCost({64, 64, 56, 3}, dtype, GetParam()),
              3 * directCost({64, 64, 56, 3, 2}, dtype, GetParam()));
  }
}

TEST_P(CostModel, FindsWinogradFasterForFloatsAlone) {
  for (const Shape &s : {Shape{64, 64, 56, 3}, Shape{512, 512, 14, 3}, Shape{128, 128, 28, 3}}) {
    EXPECT_LT(1.5 * cost(s, DType::F32, GetParam()), directCost(s, DType::F32, GetParam()));
    EXPECT_EQ(cost(s, DType::U8, GetParam()), directCost(s, DType::U8, GetParam()));
  }
  for (const Shape &s : {Shape{64, 64, 56, 1}, Shape{64, 64, 56, 3, 2}, Shape{64, 1, 56, 3}})
    EXPECT_EQ(cost(s, DType::F32, GetParam()), directCost(s, DType::F32, GetParam()));
}

TEST(CostModelOfBytes, IsAtMostThatOfFloatsWhereThereIsADotProduct) {
  for (const Shape &s : {Shape{64, 64, 56, 3}, Shape{3, 16, 32, 3}, Shape{16, 96, 112, 1},
                         Shape{512, 512, 7, 3}, Shape{64, 64, 56, 1}})
    EXPECT_LT(cost(s, DType::U8, "avx512vnni"), cost(s, DType::F32, "avx512vnni"))
        << s.in << ">" << s.out;
  EXPECT_LT(3 * cost({64, 64, 56, 3}, DType::U8, "avx512vnni"),
            directCost({64, 64, 56, 3}, DType::F32, "avx512vnni"));
}

TEST(CostModelOfBF16, IsLowerWhereThereAreProductsOfPairs) {
  const std::string pairs = "avx512vnni+avx512bf16";
  for (const Shape &s : {Shape{64, 64, 56, 3}, Shape{256, 64, 56, 1}, Shape{512, 512, 7, 3}}) {
    EXPECT_LT(1.5 * cost(s, DType::BF16, pairs), directCost(s, DType::F32, pairs)) << s.in;
    EXPECT_LT(1.4 * cost(s, DType::BF16, pairs), cost(s, DType::BF16, "avx512vnni")) << s.in;
  }
  // Bytes and floats are multiplied as without them.
  for (DType dtype : {DType::U8, DType::F32})
    EXPECT_EQ(cost({64, 64, 56, 3}, dtype, pairs), cost({64, 64, 56, 3}, dtype, "avx512vnni"));
  // Depthwise and planar kernels have no such products.
  for (const Shape &s : {Shape{64, 64, 56, 3, 1, 64}, Shape{16, 1, 64, 3}})
    EXPECT_GT(1.1 * cost(s, DType::BF16, pairs), cost(s, DType::BF16, "avx512vnni")) << s.in;
}

TEST(CostModelOfOtherMachines, IsFinite) {
  for (auto [machine, level] : {std::pair{"aarch64", "neon"},
                                {"aarch64", "dotprod"},
                                {"riscv64", "rv64gc"},
                                {"riscv64", "rv64gcv"}})
    for (DType dtype : {DType::F32, DType::U8})
      for (const Shape &s :
           {Shape{64, 64, 56, 3}, Shape{64, 64, 28, 3, 1, 64}, Shape{8, 1, 64, 3}}) {
        double ns = cost(s, dtype, level, machine);
        EXPECT_TRUE(std::isfinite(ns) && ns > 0) << machine << " " << level;
      }
}

} // namespace
} // namespace edgecc
