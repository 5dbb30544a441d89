// Pooling over one to three axes: strides, dilations, uneven pads, ceil mode.
#include "tests/grid/Naive.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

// Data and a window such that every window reads at least one element: the data is at least as long
// as the window, and the pads are shorter than it.
struct PoolCase {
  Tensor x;
  WindowShape window;
};

PoolCase randomPool(CaseBuilder &c, DType dtype) {
  PoolCase pool;
  size_t rank = static_cast<size_t>(c.oneOf({1, 2, 2, 2, 3}));
  Dims dims{c.oneOf({1, 2}), c.oneOf({1, 3, 8, 16, 19, 33})};
  WindowShape &w = pool.window;
  w.pads.resize(2 * rank);
  w.ceilMode = c.chance(0.4);
  for (size_t d = 0; d < rank; ++d) {
    w.kernel.push_back(c.between(1, rank == 3 ? 3 : 5));
    w.strides.push_back(c.oneOf({1, 1, 2, 2, 3}));
    w.dilations.push_back(c.oneOf({1, 1, 1, 2, 3}));
    int64_t span = (w.kernel[d] - 1) * w.dilations[d] + 1;
    w.pads[d] = c.between(0, std::min(span - 1, int64_t{3}));
    w.pads[d + rank] = c.between(0, std::min(span - 1, int64_t{3}));
    dims.push_back(span + c.between(0, rank == 3 ? 4 : 9));
  }
  pool.x = c.random(dtype, dims);
  return pool;
}

Attributes attributesOf(const WindowShape &w) {
  return {{"kernel", w.kernel},
          {"strides", w.strides},
          {"dilations", w.dilations},
          {"pads", w.pads},
          {"ceil_mode", w.ceilMode}};
}

void addMaxPool(CaseBuilder &c, DType dtype) {
  PoolCase pool = randomPool(c, dtype);
  Windows windows = naiveWindows(pool.x, pool.window);
  Wanted maxima{windows.dims, {}, std::vector<double>(windows.elements.size())};
  Wanted positions = maxima;
  int64_t perPlane = 1, planeSize = 1;
  for (size_t d = 2; d < windows.dims.size(); ++d) {
    perPlane *= windows.dims[d];
    planeSize *= pool.x.dims()[d];
  }
  for (size_t i = 0; i < windows.elements.size(); ++i) {
    auto best = windows.elements[i].front();
    for (const auto &element : windows.elements[i])
      if (element.second > best.second)
        best = element;
    maxima.value.push_back(best.second);
    positions.value.push_back(
        static_cast<double>(static_cast<int64_t>(i) / perPlane * planeSize + best.first));
  }
  std::vector<Value *> operands{c.input(pool.x)};
  Op *op = c.builder.createOp(OpKind::MaxPool, operands, attributesOf(pool.window));
  c.expect(op->result(0), std::move(maxima));
  if (op->numResults() > 1 && c.chance(0.3))
    c.expect(op->result(1), std::move(positions));
}

void addAveragePool(CaseBuilder &c) {
  PoolCase pool = randomPool(c, DType::F32);
  bool countsPadding = c.chance(0.5);
  Windows windows = naiveWindows(pool.x, pool.window);
  Wanted wanted{windows.dims, {}, {}};
  for (size_t i = 0; i < windows.elements.size(); ++i) {
    double sum = 0, magnitude = 0, n = static_cast<double>(windows.elements[i].size());
    for (const auto &element : windows.elements[i]) {
      sum += element.second;
      magnitude += std::abs(element.second);
    }
    double count = countsPadding ? static_cast<double>(windows.padded[i]) : n;
    wanted.value.push_back(sum / count);
    // n - 1 additions, a reciprocal and a product (or a division).
    wanted.bound.push_back(1.01 * (n + 1) * kUnit * magnitude / count);
  }
  Attributes attributes = attributesOf(pool.window);
  attributes["count_include_pad"] = countsPadding;
  std::vector<Value *> operands{c.input(pool.x)};
  c.expect(c.builder.createOp(OpKind::AveragePool, operands, attributes)->result(),
           std::move(wanted));
}

void addLpPool(CaseBuilder &c) {
  PoolCase pool = randomPool(c, DType::F32);
  int64_t p = c.oneOf({1, 2, 2, 3});
  Windows windows = naiveWindows(pool.x, pool.window);
  Wanted wanted{windows.dims, {}, {}};
  for (const auto &elements : windows.elements) {
    double sum = 0;
    for (const auto &element : elements)
      sum += std::pow(std::abs(element.second), static_cast<double>(p));
    double value = std::pow(sum, 1 / static_cast<double>(p));
    wanted.value.push_back(value);
    // Every power within 8 units, n - 1 additions, then the root within 16 units: the powers' and
    // the sums' relative error shrinks by p.
    double n = static_cast<double>(elements.size());
    wanted.bound.push_back(1.01 * (n + 8 + 16) * kUnit * value);
  }
  Attributes attributes = attributesOf(pool.window);
  attributes["p"] = p;
  std::vector<Value *> operands{c.input(pool.x)};
  c.expect(c.builder.createOp(OpKind::LpPool, operands, attributes)->result(), std::move(wanted));
}

void runMany(int count, const std::string &what, const Grid::Build &build) {
  Grid grid;
  for (int i = 0; i < count; ++i)
    grid.add(what, build);
  grid.run();
}

TEST(GridPooling, Max) {
  runMany(40, "MaxPool", [](CaseBuilder &c) { addMaxPool(c, DType::F32); });
}

TEST(GridPooling, MaxOfIntegers) {
  runMany(16, "MaxPool, 8 bits",
          [](CaseBuilder &c) { addMaxPool(c, c.chance(0.5) ? DType::I8 : DType::U8); });
}

TEST(GridPooling, Average) { runMany(40, "AveragePool", addAveragePool); }

TEST(GridPooling, PowerNorm) { runMany(20, "LpPool", addLpPool); }

} // namespace
} // namespace edgecc::test
