// Two threads get contiguous halves of a kernel's units: what they compute is to be about equal.
#include "backends/native/contraction/Balance.h"
#include "backends/native/winograd/Winograd.h"

#include <array>
#include <gtest/gtest.h>

namespace edgecc::native {
namespace {

NativeTarget targetOf(const std::string &cpu) {
  auto target = resolveTarget("x86-64", cpu);
  if (!target)
    throw std::runtime_error(str(target.error()));
  return *target;
}

// A convolution of kernel x kernel over an image of size x size.
Contraction convolution(int64_t in, int64_t out, int64_t size, int64_t kernel) {
  Contraction c;
  c.outer = {1, 1};
  c.rowsY = c.rowsX = size;
  c.columns = out;
  c.product = Product::plain(DType::F32);
  c.left.dtype = DType::F32;
  c.left.channels = in;
  c.left.channelStride = 1;
  c.left.windows = {{size, kernel, 1, 1, kernel / 2, size * in},
                    {size, kernel, 1, 1, kernel / 2, in}};
  c.left.outer = {0, 0};
  c.right.outer = {0, 0};
  c.epilogue.results.push_back({0, DType::F32, {0, 0, size * out, out, 1}});
  return c;
}

TEST(Imbalance, IsTheLargestShareOfContiguousRanges) {
  std::vector<double> even(4, 1.0), rising = {1, 1, 3, 3}, one = {5};
  EXPECT_DOUBLE_EQ(imbalance(even, 2), 1);
  EXPECT_DOUBLE_EQ(imbalance(rising, 2), 1.5);
  EXPECT_DOUBLE_EQ(imbalance(rising, 4), 1.5);
  EXPECT_DOUBLE_EQ(imbalance(one, 2), 2);
  EXPECT_DOUBLE_EQ(imbalance({}, 2), 1);
}

// 128 columns are 96 and 32 with AVX-512: blocks of columns alone would be one for each thread.
TEST(Schedule, DividesUnevenColumnsEvenly) {
  for (auto [in, out, size] : {std::array<int64_t, 3>{1024, 128, 14}, {440, 440, 14}}) {
    Contraction c = convolution(in, out, size, 1);
    c.collapse();
    Schedule s = scheduleOf(c, targetOf("avx512"));
    std::vector<double> costs;
    int64_t rows = s.unitsX(c) * s.unitsY(c) / s.rowGroups, left = c.rowsX;
    for (int64_t group = 0; group < s.rowGroups; ++group, left -= rows * s.blockX)
      for (int64_t tile = 0; tile < s.tiling.count(); tile += s.blockColumns)
        for (int64_t row = 0; row < rows; ++row) {
          double columns = 0;
          for (int64_t i = tile; i < std::min(tile + s.blockColumns, s.tiling.count()); ++i)
            columns += static_cast<double>(
                (i < s.tiling.fullCount ? s.tiling.full : s.tiling.tail).padded());
          costs.push_back(columns * static_cast<double>(std::min(s.blockX, left - row * s.blockX)));
        }
    ASSERT_GE(costs.size(), 8U) << in;
    EXPECT_LT(imbalance(costs, 2), 1.15) << in;
  }
}

TEST(Winograd, HasWorkForTwoThreadsWhereColumnsAreFew) {
  for (int64_t size : {14, 7, 28}) {
    auto plan = chooseWinograd(convolution(128, 32, size, 3), ConvAlgorithm::Auto, 1e12,
                               targetOf("avx512"));
    ASSERT_TRUE(plan) << size;
    EXPECT_LT(plan->uneven, 1.15) << size;
  }
}

} // namespace
} // namespace edgecc::native
