// Convolutions and matrix products of device programs against the reference, bit for bit. Operands
// in f32 are small integers, whose sums are exact: there the orders differ.
#include "tests/unit/emulator/KernelCheck.h"

using namespace edgecc;
using namespace edgecc::test;

namespace {

constexpr int kRounds = 400;

struct ConvShape {
  Dims x, w;
  Ints strides, dilations, pads;
  int64_t groups = 1;

  Attributes attributes() const {
    return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"group", groups}};
  }
};

ConvShape randomConv(Random &random) {
  ConvShape conv;
  int64_t rank = random.oneOf<int64_t>({1, 2, 2, 2, 3});
  bool isDepthwise = random.chance(0.2);
  conv.groups = isDepthwise ? random.between(1, 9) : random.oneOf<int64_t>({1, 1, 1, 2, 3});
  int64_t channels = isDepthwise ? 1 : random.between(1, 20);
  conv.x = {random.between(1, 2), channels * conv.groups};
  conv.w = {conv.groups * (isDepthwise ? random.between(1, 2) : random.between(1, 12)), channels};
  Ints high;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t kernel = random.between(1, 4), dilation = random.oneOf<int64_t>({1, 1, 2});
    int64_t reach = (kernel - 1) * dilation + 1;
    int64_t low = random.between(-1, reach), after = random.between(-1, reach);
    int64_t in = std::max<int64_t>(random.between(1, rank == 3 ? 5 : 14), reach - low - after);
    conv.x.push_back(std::max<int64_t>(in, 3));
    conv.w.push_back(kernel);
    conv.strides.push_back(random.between(1, 3));
    conv.dilations.push_back(dilation);
    conv.pads.push_back(low);
    high.push_back(after);
  }
  conv.pads.insert(conv.pads.end(), high.begin(), high.end());
  return conv;
}

TEST(DeviceContraction, ConvolutionsOfHalvesAreTheReferences) {
  Random random(1);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    ConvShape conv = randomConv(random);
    Tensor bias = random.chance(0.5) ? random.tensor(DType::F16, {conv.w[0]}) : Tensor();
    check(random, OpKind::Conv,
          {random.tensor(DType::F16, conv.x), random.tensor(DType::F16, conv.w), bias},
          conv.attributes(), {1, 2});
  }
}

TEST(DeviceContraction, FusedPoolingIsAConvolutionAndAPooling) {
  using namespace emulator;
  Random random(11);
  int pooled = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    int64_t channels = random.between(1, 9), outputs = random.between(1, 9);
    int64_t h = random.between(3, 14), w = random.between(3, 14), pad = random.between(0, 1);
    ContractionT kernel;
    kernel.strides = kernel.dilations = {1, 1};
    kernel.pads_low = kernel.pads_high = {static_cast<int32_t>(pad), static_cast<int32_t>(pad)};
    kernel.sum_type = ElementType::F16;
    auto window = static_cast<uint32_t>(random.between(1, 3)),
         stride = static_cast<uint32_t>(random.between(1, 3));
    Dims conv{1, outputs, h + 2 * pad - 2, w + 2 * pad - 2};
    if (conv[2] < window || conv[3] < window)
      continue;
    Dims dims{1, outputs, (conv[2] - window) / stride + 1, (conv[3] - window) / stride + 1};
    Tensor x = random.tensor(DType::F16, {1, channels, h, w}),
           weights = random.tensor(DType::F16, {outputs, channels, 3, 3}),
           between(DType::F16, conv), expected(DType::F16, dims), got(DType::F16, dims);
    auto operand = [](Tensor &tensor) {
      Operand result{tensor.mutableRaw(), ElementType::F16, tensor.dims(), {}, 0};
      int64_t step = 2;
      result.strides.resize(result.dims.size());
      for (size_t axis = result.dims.size(); axis-- > 0; step *= result.dims[axis])
        result.strides[axis] = step;
      return result;
    };
    std::vector<Operand> inputs{operand(x), operand(weights)};
    std::vector<std::unique_ptr<StageT>> stages;
    stages.push_back(std::make_unique<StageT>());
    stages.back()->function = emulator::Function::Relu;
    stages.back()->to = ElementType::F16;
    KernelUnion plain, pool, fused;
    plain.Set(ContractionT(kernel));
    PoolT windows;
    windows.kernel = {window, window};
    windows.strides = {stride, stride};
    windows.dilations = {1, 1};
    windows.pads_low = windows.pads_high = {0, 0};
    windows.ceil_high = {0, 0};
    windows.to = ElementType::F16;
    pool.Set(PoolT(windows));
    kernel.pool_kernel = window;
    kernel.pool_stride = stride;
    fused.Set(ContractionT(kernel));
    Operand middle = operand(between), wanted = operand(expected), result = operand(got);
    auto checked = checkOperands(fused, stages, inputs, result);
    ASSERT_TRUE(checked) << checked.error().message;
    compute(plain, stages, inputs, middle);
    compute(pool, {}, {&middle, 1}, wanted);
    compute(fused, stages, inputs, result);
    EXPECT_EQ(got, expected);
    ++pooled;
    Operand wrong = result;
    ++wrong.dims[2];
    EXPECT_FALSE(checkOperands(fused, stages, inputs, wrong));
    kernel.pool_stride = 0;
    fused.Set(ContractionT(kernel));
    EXPECT_FALSE(checkOperands(fused, stages, inputs, result));
    kernel.pool_stride = kernel.pool_kernel = 1u << 31;
    fused.Set(ContractionT(kernel));
    EXPECT_FALSE(checkOperands(fused, stages, inputs, result));
  }
  EXPECT_GT(pooled, kRounds / 2);
}

TEST(DeviceContraction, ConvolutionsOfExactSinglesAreTheReferences) {
  Random random(2);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    ConvShape conv = randomConv(random);
    check(random, OpKind::Conv,
          {random.integral(DType::F32, conv.x), random.integral(DType::F32, conv.w),
           random.integral(DType::F32, {conv.w[0]})},
          conv.attributes(), {1, 2});
  }
}

Tensor maybeZero(Random &random, DType dtype, Dims dims) {
  return random.chance(0.5) ? random.tensor(dtype, std::move(dims)) : Tensor();
}

TEST(DeviceContraction, ConvolutionsOfIntegersAreTheReferences) {
  Random random(3);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    ConvShape conv = randomConv(random);
    DType x = random.oneOf({DType::I8, DType::U8, DType::U8, DType::I16, DType::U16});
    DType w = random.oneOf({DType::I8, DType::I8, DType::U8, DType::I4, DType::U4, DType::I16});
    Dims zeros = random.chance(0.5) ? Dims{} : Dims{conv.w[0]};
    check(random, OpKind::Conv,
          {random.tensor(x, conv.x), random.tensor(w, conv.w),
           maybeZero(random, DType::I32, {conv.w[0]}), maybeZero(random, x, {}),
           maybeZero(random, w, zeros)},
          conv.attributes(), {1, 2, 3, 4});
  }
}

// More than one tile of positions, of depth and of rows.
TEST(DeviceContraction, LargeConvolutionsAreTheReferences) {
  Random random(4);
  ConvShape conv{{1, 40, 19, 23}, {70, 40, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1};
  for (DType type : {DType::F16, DType::I8, DType::I16})
    check(random, OpKind::Conv, {random.tensor(type, conv.x), random.tensor(type, conv.w)},
          conv.attributes(), {1});
}

TEST(DeviceContraction, MatrixProductsAreTheReferences) {
  Random random(5);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    int64_t m = random.between(1, 20), k = random.between(1, 40), n = random.between(1, 40);
    Dims batch, batchB;
    for (int64_t axis = random.between(0, 2); axis > 0; --axis) {
      int64_t extent = random.between(1, 3);
      batch.push_back(random.chance(0.7) ? extent : 1);
      batchB.push_back(random.chance(0.7) ? extent : 1);
    }
    if (random.chance(0.3))
      batchB.clear();
    auto join = [](Dims dims, int64_t rows, int64_t columns) {
      dims.insert(dims.end(), {rows, columns});
      return dims;
    };
    Dims a = join(batch, m, k), b = join(batchB, k, n);
    std::set<unsigned> constants{2, 3};
    if (random.chance(0.5))
      constants.insert(1);
    if (random.chance(0.4)) {
      check(random, OpKind::MatMul, {random.tensor(DType::F16, a), random.tensor(DType::F16, b)},
            {}, constants);
      continue;
    }
    DType x = random.oneOf({DType::I8, DType::U8, DType::I16});
    DType w = random.oneOf({DType::I8, DType::U8, DType::I4});
    if (w == DType::I4)
      constants.insert(1);
    Dims zeros = random.chance(0.5) ? Dims{} : Dims{n};
    check(random, OpKind::MatMul,
          {random.tensor(x, a), random.tensor(w, b), maybeZero(random, x, {}),
           maybeZero(random, w, zeros)},
          {}, constants);
  }
}

TEST(DeviceContraction, GemmsAreTheReferences) {
  Random random(6);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    int64_t m = random.between(1, 20), k = random.between(1, 300), n = random.between(1, 40);
    Dims c = random.oneOf<Dims>({{n}, {m, n}, {m, 1}, {}});
    check(random, OpKind::Gemm,
          {random.tensor(DType::F16, {m, k}), random.tensor(DType::F16, {k, n}),
           random.chance(0.7) ? random.tensor(DType::F16, c) : Tensor()},
          {}, {1, 2});
  }
}

// Each output row of a convolution asks for the rows of its window and no others.
TEST(DeviceContraction, RowsOfAConvolutionAreThoseOfItsWindow) {
  emulator::ContractionT conv;
  conv.strides = {2, 1};
  conv.dilations = {2, 1};
  conv.pads_low = {2, 0};
  conv.pads_high = {2, 0};
  conv.kernel = {3, 1};
  emulator::KernelUnion kernel;
  kernel.Set(std::move(conv));
  Dims x{1, 8, 10, 4}, y{1, 8, 5, 4};
  auto rows = [&](int64_t row) {
    auto range = emulator::rowsNeeded(kernel, {}, 0, x, 2, y, 2, row);
    return std::pair(range.first, range.last);
  };
  EXPECT_EQ(rows(0), std::pair(int64_t{0}, int64_t{2}));
  EXPECT_EQ(rows(1), std::pair(int64_t{0}, int64_t{4}));
  EXPECT_EQ(rows(4), std::pair(int64_t{6}, int64_t{9}));
}

} // namespace
