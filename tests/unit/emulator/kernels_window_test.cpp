// Pooling, reductions, softmax, normalisations and resizing of device programs against the
// reference, bit for bit.
#include "tests/unit/emulator/KernelCheck.h"

using namespace edgecc;
using namespace edgecc::test;

namespace {

constexpr int kRounds = 400;

Dims randomDims(Random &random, int64_t low, int64_t high, int64_t extent = 6) {
  Dims dims;
  for (int64_t rank = random.between(low, high); rank > 0; --rank)
    dims.push_back(random.between(1, extent));
  return dims;
}

TEST(DeviceWindow, PoolsAreTheReferences) {
  Random random(1);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    bool isMax = random.chance(0.5);
    Dims x{random.between(1, 2), random.between(1, 5)};
    Ints kernel, strides, dilations, pads, high;
    for (int64_t axis = random.oneOf<int64_t>({1, 2, 2, 2, 3}); axis > 0; --axis) {
      int64_t taps = random.between(1, 4), dilation = random.oneOf<int64_t>({1, 1, 2});
      int64_t reach = (taps - 1) * dilation + 1;
      int64_t low = random.between(0, reach - 1), after = random.between(0, reach - 1);
      x.push_back(std::max<int64_t>(random.between(1, 12), reach - low - after));
      kernel.push_back(taps);
      strides.push_back(random.between(1, 3));
      dilations.push_back(dilation);
      pads.push_back(low);
      high.push_back(after);
    }
    pads.insert(pads.end(), high.begin(), high.end());
    Attributes attributes{{"kernel", kernel},
                          {"strides", strides},
                          {"dilations", dilations},
                          {"pads", pads},
                          {"ceil_mode", random.chance(0.4)}};
    if (!isMax)
      attributes["count_include_pad"] = random.chance(0.5);
    DType type = isMax ? random.oneOf({DType::F16, DType::F32, DType::I8, DType::U8, DType::I16})
                       : random.oneOf({DType::F16, DType::F32, DType::I8, DType::U8});
    check(random, isMax ? OpKind::MaxPool : OpKind::AveragePool,
          {random.tensor(type, x, isMax && random.chance(0.3))}, attributes);
  }
}

TEST(DeviceWindow, ReductionsAreTheReferences) {
  Random random(2);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    OpKind kind =
        random.oneOf({OpKind::ReduceSum, OpKind::ReduceMean, OpKind::ReduceMax, OpKind::ReduceMin,
                      OpKind::ReduceProd, OpKind::ReduceL1, OpKind::ReduceL2,
                      OpKind::ReduceSumSquare, OpKind::ReduceLogSum, OpKind::ReduceLogSumExp});
    DType type = random.oneOf({DType::F16, DType::F16, DType::F32, DType::I32, DType::I64});
    if (kind == OpKind::ReduceSum || kind == OpKind::ReduceMax || kind == OpKind::ReduceMin)
      type = random.oneOf({type, DType::I8, DType::U8});
    Dims x = randomDims(random, 1, 4);
    Ints axes;
    for (size_t axis = 0; axis < x.size(); ++axis)
      if (random.chance(0.5))
        axes.push_back(static_cast<int64_t>(axis));
    Attributes attributes{{"axes", axes}, {"keepdims", random.chance(0.6)}};
    if (kind == OpKind::ReduceSum && (type == DType::I8 || type == DType::U8))
      attributes["widen"] = random.chance(0.7);
    check(random, kind, {random.tensor(type, x, random.chance(0.2))}, attributes);
  }
}

TEST(DeviceWindow, SoftmaxesAreTheReferences) {
  Random random(3);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 1, 4, 9);
    check(random, random.oneOf({OpKind::Softmax, OpKind::LogSoftmax}),
          {random.tensor(random.oneOf({DType::F16, DType::F32}), x, random.chance(0.2))},
          {{"axis", random.between(0, static_cast<int64_t>(x.size()) - 1)}});
  }
}

TEST(DeviceWindow, NormalisationsAreTheReferences) {
  Random random(4);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    DType type = random.oneOf({DType::F16, DType::F32});
    if (random.chance(0.5)) {
      Dims x = randomDims(random, 2, 4);
      auto axis = static_cast<size_t>(random.between(0, static_cast<int64_t>(x.size()) - 1));
      Dims own(x.begin() + static_cast<ptrdiff_t>(axis), x.end());
      bool isLayer = random.chance(0.5);
      std::vector<Tensor> operands{random.tensor(type, x), random.tensor(type, own)};
      if (isLayer && random.chance(0.6))
        operands.push_back(random.tensor(type, own));
      check(random, isLayer ? OpKind::LayerNormalization : OpKind::RMSNormalization, operands,
            {{"axis", static_cast<int64_t>(axis)}, {"epsilon", 1e-5}}, {1, 2});
      continue;
    }
    int64_t groups = random.between(1, 4), channels = groups * random.between(1, 3);
    Dims x{random.between(1, 2), channels};
    for (int64_t axis = random.between(1, 2); axis > 0; --axis)
      x.push_back(random.between(1, 6));
    std::vector<Tensor> operands{random.tensor(type, x), random.tensor(type, {channels}),
                                 random.tensor(type, {channels})};
    if (random.chance(0.5))
      check(random, OpKind::InstanceNormalization, operands, {{"epsilon", 1e-3}}, {1, 2});
    else
      check(random, OpKind::GroupNormalization, operands,
            {{"epsilon", 1e-5}, {"num_groups", groups}}, {1, 2});
  }
}

TEST(DeviceWindow, ResizesAreTheReferences) {
  Random random(5);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    Dims x = randomDims(random, 2, 4, 7), sizes;
    Reals scales;
    for (int64_t extent : x) {
      sizes.push_back(random.chance(0.5) ? extent : random.between(1, 11));
      scales.push_back(static_cast<double>(sizes.back()) / static_cast<double>(extent));
    }
    std::string mode = random.oneOf<std::string>({"nearest", "linear", "cubic"});
    Attributes attributes{
        {"sizes", sizes},
        {"scales", scales},
        {"mode", mode},
        {"coordinate_mode",
         random.oneOf<std::string>({"half_pixel", "pytorch_half_pixel", "align_corners",
                                    "asymmetric", "half_pixel_symmetric"})},
        {"nearest_mode",
         random.oneOf<std::string>({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})},
        {"antialias", mode != "nearest" && random.chance(0.2)},
        {"exclude_outside", mode == "cubic" && random.chance(0.3)}};
    DType type = random.oneOf({DType::F16, DType::F32, DType::U8, DType::I8});
    if (mode == "linear" && isInteger(type) && random.chance(0.5))
      attributes["real"] = true;
    check(random, OpKind::Resize, {random.tensor(type, x, mode == "nearest")}, attributes);
  }
}

} // namespace
