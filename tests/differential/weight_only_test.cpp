// Layers on floats whose weights are stored in fewer bits: native code against the reference, and
// the size of the file.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "tests/support/NativeRunner.h"

#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <utility>

namespace edgecc::test {
namespace {

class LayerBuilder {
public:
  LayerBuilder() : function(module.addFunction("layer")), builder(module, function.body) {}

  Tensor random(DType dtype, const Dims &dims, double low, double high) {
    Tensor tensor(dtype, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      double value = low + static_cast<double>(bits_() >> 11) * 0x1p-53 * (high - low);
      tensor.setDouble(i, isFloat(dtype) ? value : std::round(value));
    }
    return tensor;
  }

  Value *input(const Dims &dims) {
    inputs.push_back(random(DType::F32, dims, -1, 1));
    function.inputs.push_back({"x", {}});
    return function.body.addArgument(inputs.back().type());
  }

  // Weights of `dtype`, dequantised by a scale for each index of `axis` and, if `block` is not 0,
  // for each block along `blockAxis`.
  Value *weights(DType dtype, const Dims &dims, int64_t axis, int64_t block, int64_t blockAxis) {
    double half = std::ldexp(1, static_cast<int>(bitWidth(dtype)) - 1);
    Tensor w =
        random(dtype, dims, isSigned(dtype) ? -half : 0, isSigned(dtype) ? half - 1 : 2 * half - 1);
    Dims scales{dims[static_cast<size_t>(axis)]};
    if (block > 0) {
      scales = dims;
      scales[static_cast<size_t>(blockAxis)] /= block;
    }
    std::vector<Value *> operands{
        builder.constant(w), builder.constant(random(DType::F32, scales, 0.2 / half, 1 / half))};
    if (!isSigned(dtype)) {
      Tensor zero(dtype, scales);
      for (int64_t i = 0; i < zero.elements(); ++i)
        zero.setDouble(i, half);
      operands.push_back(builder.constant(zero));
    }
    return builder
        .createOp(
            OpKind::DequantizeLinear, operands,
            {{"axis", block > 0 ? blockAxis : axis}, {"block_size", block}, {"to", DType::F32}})
        ->result();
  }

  // Compiles for every level; outputs may differ by the rounding of `terms` products.
  void check(Value *y, int64_t terms, int64_t mostBytes) {
    function.outputs.push_back({"y", {}});
    Value *yields[] = {y};
    builder.yield(yields);
    auto reference = ReferenceExecutor().run(function, inputs);
    ASSERT_TRUE(reference) << str(reference.error());
    double peak = 0;
    for (int64_t i = 0; i < (*reference)[0].elements(); ++i)
      peak = std::max(peak, std::abs((*reference)[0].asDouble(i)));
    for (const char *cpu : {"host", "baseline"}) {
      NativeOptions options;
      options.cpu = cpu;
      auto blob = compileToBlob(std::as_const(module), options);
      ASSERT_TRUE(blob) << cpu << ": " << str(blob.error());
      EXPECT_LT(static_cast<int64_t>(blob->size()), mostBytes) << cpu;
      auto loaded = LoadedBlob::load(std::move(*blob), 1);
      ASSERT_TRUE(loaded) << cpu << ": " << str(loaded.error());
      auto native = loaded->run(inputs);
      ASSERT_TRUE(native) << cpu << ": " << str(native.error());
      double worst = 0;
      for (int64_t i = 0; i < (*native)[0].elements(); ++i)
        worst = std::max(worst, std::abs((*native)[0].asDouble(i) - (*reference)[0].asDouble(i)));
      EXPECT_LE(worst, 0x1p-23 * static_cast<double>(terms) * std::max(peak, 1.0)) << cpu;
    }
  }

  Module module;
  Function &function;
  Builder builder;
  std::vector<Tensor> inputs;

private:
  std::mt19937_64 bits_{7};
};

// What a blob holds beside weights.
constexpr int64_t kOverhead = 220 << 10;

int64_t bytesOf(DType dtype, int64_t elements, int64_t block) {
  return elements * bitWidth(dtype) / 8 + (block > 0 ? elements / block * 4 : 0);
}

struct Width {
  DType dtype;
  int64_t block;
};

class WeightOnly : public testing::TestWithParam<Width> {};

TEST_P(WeightOnly, MatMul) {
  auto [dtype, block] = GetParam();
  for (int64_t m : {1, 13}) {
    LayerBuilder layer;
    int64_t k = 320, n = 1000;
    Value *x = layer.input({m, k});
    Value *y = layer.builder.create(OpKind::MatMul, {x, layer.weights(dtype, {k, n}, 1, block, 0)});
    layer.check(layer.builder.create(OpKind::Relu, {y}), k,
                kOverhead + bytesOf(dtype, k * n, block) * 9 / 8);
  }
}

TEST_P(WeightOnly, Gemm) {
  auto [dtype, block] = GetParam();
  LayerBuilder layer;
  int64_t k = 96, n = 37;
  Value *x = layer.input({5, k});
  Value *w = layer.weights(dtype, {n, k}, 0, block, 1);
  Value *b = layer.builder.constant(layer.random(DType::F32, {n}, -1, 1));
  layer.check(layer.builder.create(OpKind::Gemm, {x, w, b},
                                   {{"transB", true}, {"alpha", 0.5}, {"beta", 2.0}}),
              k, kOverhead + bytesOf(dtype, k * n, block) * 2);
}

TEST_P(WeightOnly, Conv) {
  auto [dtype, block] = GetParam();
  for (int64_t stride : {1, 2}) {
    LayerBuilder layer;
    int64_t channels = 64, out = 130;
    Value *x = layer.input({1, channels, 9, 7});
    Value *w = layer.weights(dtype, {out, channels, 3, 3}, 0, block, 1);
    Value *b = layer.builder.constant(layer.random(DType::F32, {out}, -1, 1));
    Value *y = layer.builder.create(
        OpKind::Conv, {x, w, b},
        {{"strides", Dims{stride, stride}}, {"dilations", Dims{1, 1}}, {"pads", Dims{1, 1, 1, 1}}});
    layer.check(y, 9 * channels, kOverhead + bytesOf(dtype, 9 * channels * out, block) * 5 / 4);
  }
}

// Odd numbers of channels cannot share bytes; few output channels are broadcast.
TEST_P(WeightOnly, OddShapes) {
  auto [dtype, block] = GetParam();
  if (block > 0)
    return;
  for (int64_t out : {3, 24}) {
    LayerBuilder layer;
    Value *x = layer.input({2, 7, 30, 40});
    Value *w = layer.weights(dtype, {out, 7, 3, 2}, 0, 0, 1);
    Value *y = layer.builder.create(
        OpKind::Conv, {x, w},
        {{"strides", Dims{1, 1}}, {"dilations", Dims{1, 2}}, {"pads", Dims{0, 1, 2, 0}}});
    layer.check(y, 42, kOverhead);
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, WeightOnly,
                         testing::Values(Width{DType::I8, 0}, Width{DType::U8, 0},
                                         Width{DType::I4, 0}, Width{DType::I16, 0},
                                         Width{DType::I4, 32}, Width{DType::U4, 16}),
                         [](const auto &info) {
                           return fmt::format("{}_{}", name(info.param.dtype), info.param.block);
                         });

} // namespace
} // namespace edgecc::test
