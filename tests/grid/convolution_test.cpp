// Convolutions over one to three axes: groups, depthwise, dilations, strides, uneven pads, bias.
#include "tests/grid/Naive.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

// Sizes that fill vectors, leave tails, or do neither.
struct Ranges {
  unsigned spatialRank;
  int64_t maxExtent, maxKernel, maxChannels;
};

struct Channels {
  int64_t in, out, group;
};

Channels randomChannels(CaseBuilder &c, const Ranges &r) {
  auto some = [&] { return std::min(r.maxChannels, c.oneOf({1, 2, 3, 4, 5, 8, 13, 16, 19, 32})); };
  int64_t kind = c.between(0, 4);
  if (kind == 0) { // depthwise
    int64_t channels = some();
    return {channels, channels * c.oneOf({1, 1, 1, 2, 3}), channels};
  }
  if (kind == 1) { // grouped
    int64_t group = c.oneOf({2, 3, 4});
    return {group * std::min(some(), int64_t{8}), group * std::min(some(), int64_t{8}), group};
  }
  return {some(), some(), 1};
}

// A window that fits into the padded data of `in`, which is made larger until it does.
WindowShape randomWindow(CaseBuilder &c, const Ranges &r, Dims &in, bool mayCrop) {
  WindowShape window;
  for (unsigned d = 0; d < r.spatialRank; ++d) {
    window.kernel.push_back(c.between(1, r.maxKernel));
    window.strides.push_back(c.oneOf({1, 1, 1, 2, 2, 3}));
    window.dilations.push_back(c.oneOf({1, 1, 1, 1, 2, 3}));
  }
  for (unsigned side = 0; side < 2; ++side)
    for (unsigned d = 0; d < r.spatialRank; ++d)
      window.pads.push_back(c.chance(0.4)               ? (window.kernel[d] - 1) / 2
                            : mayCrop && c.chance(0.05) ? -1
                                                        : c.between(0, 3));
  for (unsigned d = 0; d < r.spatialRank; ++d) {
    int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
    in[d + 2] = std::max(in[d + 2], span - window.pads[d] - window.pads[d + r.spatialRank]);
    in[d + 2] = std::max(in[d + 2], int64_t{1});
  }
  return window;
}

Dims randomInput(CaseBuilder &c, const Ranges &r, int64_t channels) {
  Dims dims{c.oneOf({1, 1, 2, 3}), channels};
  for (unsigned d = 0; d < r.spatialRank; ++d)
    dims.push_back(c.between(1, r.maxExtent));
  return dims;
}

Attributes attributesOf(const WindowShape &window, int64_t group) {
  return {{"strides", window.strides},
          {"dilations", window.dilations},
          {"pads", window.pads},
          {"group", group}};
}

void addConv(CaseBuilder &c, const Ranges &r, DType dtype) {
  Channels channels = randomChannels(c, r);
  Dims in = randomInput(c, r, channels.in);
  WindowShape window = randomWindow(c, r, in, true);
  Dims w{channels.out, channels.in / channels.group};
  w.insert(w.end(), window.kernel.begin(), window.kernel.end());
  Tensor x = c.random(dtype, in), weights = c.random(dtype, w);
  std::vector<Value *> operands{c.input(x), c.weights(weights)};
  std::vector<double> bias;
  if (c.chance(0.6)) {
    Tensor b = c.random(dtype, {channels.out});
    bias = valuesOf(b);
    operands.push_back(c.weights(b));
  }
  Op *op = c.builder.createOp(OpKind::Conv, operands, attributesOf(window, channels.group));
  c.expect(op->result(), wantFloat(naiveConv(x, weights, window, channels.group), bias, dtype));
}

void addConvTranspose(CaseBuilder &c, const Ranges &r) {
  Channels channels = randomChannels(c, r);
  Dims in = randomInput(c, r, channels.in);
  WindowShape window;
  Dims extra;
  for (unsigned d = 0; d < r.spatialRank; ++d) {
    window.kernel.push_back(c.between(1, r.maxKernel));
    window.strides.push_back(c.oneOf({1, 2, 2, 3}));
    window.dilations.push_back(c.oneOf({1, 1, 1, 2}));
    extra.push_back(c.chance(0.3) ? c.between(0, window.strides[d] - 1) : 0);
  }
  for (unsigned side = 0; side < 2; ++side)
    for (unsigned d = 0; d < r.spatialRank; ++d)
      window.pads.push_back(c.between(0, 2));
  for (unsigned d = 0; d < r.spatialRank; ++d) // something must be left after cropping
    while ((in[d + 2] - 1) * window.strides[d] + (window.kernel[d] - 1) * window.dilations[d] + 1 +
               extra[d] <=
           window.pads[d] + window.pads[d + r.spatialRank])
      ++in[d + 2];
  Dims w{channels.in, channels.out / channels.group};
  w.insert(w.end(), window.kernel.begin(), window.kernel.end());
  Tensor x = c.random(DType::F32, in), weights = c.random(DType::F32, w);
  std::vector<Value *> operands{c.input(x), c.weights(weights)};
  std::vector<double> bias;
  if (c.chance(0.5)) {
    Tensor b = c.random(DType::F32, {channels.out});
    bias = valuesOf(b);
    operands.push_back(c.constant(b));
  }
  Attributes attributes = attributesOf(window, channels.group);
  attributes["output_padding"] = extra;
  Op *op = c.builder.createOp(OpKind::ConvTranspose, operands, attributes);
  c.expect(op->result(), wantFloat(naiveConvTranspose(x, weights, window, channels.group, extra),
                                   bias, DType::F32));
}

// Narrow integers with zero points: i32 results, bit for bit.
void addIntegerConv(CaseBuilder &c, const Ranges &r) {
  Channels channels = randomChannels(c, r);
  Dims in = randomInput(c, r, channels.in);
  WindowShape window = randomWindow(c, r, in, false);
  Dims w{channels.out, channels.in / channels.group};
  w.insert(w.end(), window.kernel.begin(), window.kernel.end());
  DType xType = c.chance(0.5) ? DType::I8 : DType::U8;
  DType wType = c.chance(0.7) ? DType::I8 : DType::U8;
  Tensor x = c.random(xType, in), weights = c.random(wType, w);
  std::vector<Value *> operands{c.input(x), c.weights(weights), nullptr, nullptr, nullptr};
  std::vector<double> bias, wZero{0};
  double xZero = 0;
  if (c.chance(0.5)) {
    Tensor b(DType::I32, {channels.out});
    for (int64_t i = 0; i < b.elements(); ++i)
      b.setDouble(i, static_cast<double>(c.between(-100000, 100000)));
    bias = valuesOf(b);
    operands[2] = c.constant(b);
  }
  if (c.chance(0.7)) {
    Tensor zero = c.random(xType, {});
    xZero = zero.asDouble(0);
    operands[3] = c.constant(zero);
  }
  if (c.chance(0.4)) {
    // Grouped weights that are known at run time only take one zero point: native code refuses
    // more.
    bool isRefused = channels.group > 1 && !constantOf(operands[1]);
    Tensor zero = c.random(wType, c.chance(0.5) || isRefused ? Dims{} : Dims{channels.out});
    wZero = valuesOf(zero);
    operands[4] = c.constant(zero);
  }
  while (!operands.back())
    operands.pop_back();
  Op *op = c.builder.createOp(OpKind::Conv, operands, attributesOf(window, channels.group));
  c.expect(op->result(),
           wantExact(naiveConv(x, weights, window, channels.group, xZero, wZero), bias));
}

void runMany(int count, const std::string &what, const Grid::Build &build) {
  Grid grid;
  for (int i = 0; i < count; ++i)
    grid.add(what, build);
  grid.run();
}

TEST(GridConvolution, OneAxis) {
  runMany(50, "Conv 1-D", [](CaseBuilder &c) { addConv(c, {1, 40, 7, 32}, DType::F32); });
}

TEST(GridConvolution, TwoAxes) {
  runMany(130, "Conv 2-D", [](CaseBuilder &c) { addConv(c, {2, 14, 5, 32}, DType::F32); });
}

TEST(GridConvolution, ThreeAxes) {
  runMany(30, "Conv 3-D", [](CaseBuilder &c) { addConv(c, {3, 6, 3, 16}, DType::F32); });
}

TEST(GridConvolution, HalfPrecision) {
  runMany(16, "Conv f16", [](CaseBuilder &c) { addConv(c, {2, 9, 3, 16}, DType::F16); });
}

TEST(GridConvolution, TransposedOneAxis) {
  runMany(20, "ConvTranspose 1-D", [](CaseBuilder &c) { addConvTranspose(c, {1, 20, 5, 16}); });
}

TEST(GridConvolution, TransposedTwoAxes) {
  runMany(40, "ConvTranspose 2-D", [](CaseBuilder &c) { addConvTranspose(c, {2, 8, 4, 16}); });
}

TEST(GridConvolution, TransposedThreeAxes) {
  runMany(12, "ConvTranspose 3-D", [](CaseBuilder &c) { addConvTranspose(c, {3, 4, 3, 8}); });
}

TEST(GridConvolution, IntegerOneAxis) {
  runMany(20, "Conv 1-D, 8 bits", [](CaseBuilder &c) { addIntegerConv(c, {1, 40, 7, 32}); });
}

TEST(GridConvolution, IntegerTwoAxes) {
  runMany(60, "Conv 2-D, 8 bits", [](CaseBuilder &c) { addIntegerConv(c, {2, 12, 5, 32}); });
}

TEST(GridConvolution, IntegerThreeAxes) {
  runMany(12, "Conv 3-D, 8 bits", [](CaseBuilder &c) { addIntegerConv(c, {3, 5, 3, 16}); });
}

} // namespace
} // namespace edgecc::test
