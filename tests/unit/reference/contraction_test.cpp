// Convolutions and matrix products against hand-computed values and plain loops.
#include "tests/unit/reference/Evaluate.h"

#include <cmath>

using namespace edgecc;
using namespace edgecc::test;
using testing::ElementsAre;

namespace {

Attributes window(Ints strides, Ints dilations, Ints pads, int64_t group = 1) {
  return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"group", group}};
}

// Values 1, 2, 3...
Tensor counting(DType dtype, Dims dims, double first = 1) {
  Tensor tensor(dtype, std::move(dims));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.setDouble(i, first + static_cast<double>(i));
  return tensor;
}

TEST(Conv, PadsWithZerosAndAddsTheBias) {
  Tensor y =
      evaluate(OpKind::Conv,
               {f32({1, 1, 2, 2}, {1, 2, 3, 4}), f32({1, 1, 2, 2}, {1, 1, 1, 1}), f32({1}, {100})},
               window({1, 1}, {1, 1}, {1, 1, 0, 0}));
  EXPECT_EQ(y.dims(), (Dims{1, 1, 2, 2}));
  EXPECT_THAT(valuesOf(y), ElementsAre(101, 103, 104, 110));
}

TEST(Conv, NegativePadsCrop) {
  Tensor y = evaluate(OpKind::Conv, {f32({1, 1, 4}, {1, 2, 3, 4}), f32({1, 1, 1}, {10})},
                      window({1}, {1}, {-1, -1}));
  EXPECT_THAT(valuesOf(y), ElementsAre(20, 30));
}

// Every combination of groups, strides, dilations and pads against the definition.
TEST(Conv, AgreesWithItsDefinition) {
  for (int64_t group : {1, 2, 4})
    for (int64_t stride : {1, 2})
      for (int64_t dilation : {1, 2})
        for (int64_t pad : {0, 1}) {
          Tensor x = counting(DType::F32, {2, 4, 5, 6}, -100);
          Tensor w = counting(DType::F32, {8, 4 / group, 2, 3}, -20);
          Tensor y = evaluate(OpKind::Conv, {x, w},
                              window({stride, 1}, {dilation, 1}, {pad, 1, pad, 0}, group));
          auto at = [](const Tensor &t, int64_t a, int64_t b, int64_t c, int64_t d) {
            const Dims &n = t.dims();
            return t.asDouble(((a * n[1] + b) * n[2] + c) * n[3] + d);
          };
          int64_t channels = 4 / group;
          for (int64_t i = 0; i < y.elements(); ++i) {
            int64_t ox = i % y.dims()[3], oy = i / y.dims()[3] % y.dims()[2];
            int64_t m = i / y.dims()[3] / y.dims()[2] % 8, n = i / y.dims()[3] / y.dims()[2] / 8;
            double sum = 0;
            for (int64_t c = 0; c < channels; ++c)
              for (int64_t ky = 0; ky < 2; ++ky)
                for (int64_t kx = 0; kx < 3; ++kx) {
                  int64_t iy = oy * stride - pad + ky * dilation, ix = ox - 1 + kx;
                  if (iy >= 0 && iy < 5 && ix >= 0 && ix < 6)
                    sum += at(x, n, m / (8 / group) * channels + c, iy, ix) * at(w, m, c, ky, kx);
                }
            ASSERT_EQ(y.asDouble(i), sum) << "element " << i << ", group " << group;
          }
        }
}

TEST(Conv, IntegersSubtractZeroPointsAndPaddingContributesNothing) {
  Tensor y = evaluate(OpKind::Conv,
                      {u8({1, 1, 3}, {130, 128, 126}), i8({2, 1, 2}, {1, 2, -3, 4}),
                       i32({2}, {0, 7}), u8({}, {128}), i8({2}, {1, 0})},
                      window({1}, {1}, {1, 0}));
  EXPECT_EQ(y.dtype(), DType::I32);
  // x - 128 = 2, 0, -2; w - zero = {0, 1}, {-3, 4}.
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 0, -2, 7 + 8, 7 - 6, 7 - 8));
}

TEST(Conv, ManySixteenBitProductsWrapInI32) {
  Tensor x = tensorOf(DType::I16, {1, 4, 1}, {32767, 32767, 32767, 32767});
  Tensor w = tensorOf(DType::I16, {1, 4, 1}, {32767, 32767, 32767, 32767});
  Tensor y = evaluate(OpKind::Conv, {x, w}, window({1}, {1}, {0, 0}));
  auto exact = static_cast<int64_t>(4) * 32767 * 32767;
  EXPECT_EQ(y.asInt(0), static_cast<int32_t>(exact));
}

TEST(Conv, ThreeSpatialAxes) {
  Tensor y = evaluate(
      OpKind::Conv, {counting(DType::F64, {1, 1, 2, 2, 2}), counting(DType::F64, {1, 1, 2, 2, 2})},
      window({1, 1, 1}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}));
  EXPECT_THAT(valuesOf(y), ElementsAre(204)); // 1 + 4 + 9 + ... + 64
}

TEST(ConvTranspose, SpreadsTheKernel) {
  Attributes attributes = window({2}, {1}, {0, 0});
  attributes["output_padding"] = Ints{1};
  Tensor y =
      evaluate(OpKind::ConvTranspose,
               {f32({1, 1, 2}, {1, 2}), f32({1, 1, 3}, {1, 10, 100}), f32({1}, {5})}, attributes);
  // 1, 10, 100 + 2, 20, 200 and one more position that nothing reaches.
  EXPECT_THAT(valuesOf(y), ElementsAre(6, 15, 107, 25, 205, 5));
}

TEST(ConvTranspose, PadsCropAndGroupsStayApart) {
  Attributes attributes = window({1}, {1}, {1, 0}, 2);
  attributes["output_padding"] = Ints{0};
  Tensor y = evaluate(OpKind::ConvTranspose,
                      {f32({1, 2, 2}, {1, 2, 3, 4}), f32({2, 1, 2}, {1, 10, 1, 100})}, attributes);
  EXPECT_EQ(y.dims(), (Dims{1, 2, 2}));
  EXPECT_THAT(valuesOf(y), ElementsAre(12, 20, 304, 400));
}

TEST(MatMul, BroadcastsBatches) {
  Tensor y =
      evaluate(OpKind::MatMul, {f32({2, 1, 2}, {1, 2, 3, 4}), f32({2, 2}, {1, 10, 100, 1000})});
  EXPECT_EQ(y.dims(), (Dims{2, 1, 2}));
  EXPECT_THAT(valuesOf(y), ElementsAre(201, 2010, 403, 4030));
}

TEST(MatMul, ZeroPointsBelongToRowsAndColumns) {
  Tensor y = evaluate(OpKind::MatMul, {u8({2, 1}, {10, 20}), u8({1, 2}, {5, 6}), u8({2}, {10, 10}),
                                       u8({2}, {5, 4})});
  EXPECT_EQ(y.dtype(), DType::I32);
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 0, 0, 20));
}

TEST(MatMul, NothingToSumGivesZeros) {
  Tensor y = evaluate(OpKind::MatMul, {f32({2, 0}, {}), f32({0, 2}, {})});
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 0, 0, 0));
}

TEST(Gemm, TransposesScalesAndAdds) {
  Tensor y = evaluate(OpKind::Gemm, {f32({2, 1}, {1, 2}), f32({1, 2}, {3, 4}), f32({1}, {10})},
                      {{"transA", true}, {"transB", true}, {"alpha", 2.0}, {"beta", 0.5}});
  EXPECT_THAT(valuesOf(y), ElementsAre(2 * 11 + 5));
}

TEST(DeformConv, WithoutOffsetsIsAConvolutionAndHalfAPixelInterpolates) {
  Tensor x = f32({1, 1, 1, 3}, {1, 3, 7}), w = f32({1, 1, 1, 1}, {2});
  Attributes attributes = window({1, 1}, {1, 1}, {0, 0, 0, 0});
  Tensor zero = f32({1, 2, 1, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_THAT(valuesOf(evaluate(OpKind::DeformConv, {x, w, zero}, attributes)),
              ElementsAre(2, 6, 14));
  Tensor half = f32({1, 2, 1, 3}, {0, 0, 0, 0.5f, 0.5f, 0.5f});
  EXPECT_THAT(valuesOf(evaluate(OpKind::DeformConv, {x, w, half}, attributes)),
              ElementsAre(4, 10, 7)); // the last one is half outside
}

} // namespace
