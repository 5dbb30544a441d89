// Matrix products: transposes, factors, broadcast batches, 8-bit operands.
#include "tests/grid/Naive.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

int64_t someExtent(CaseBuilder &c) {
  return c.oneOf({1, 2, 3, 4, 7, 8, 13, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100});
}

Tensor transposed(const Tensor &matrix) {
  Tensor out(matrix.dtype(), {matrix.dims()[1], matrix.dims()[0]});
  for (int64_t row = 0; row < matrix.dims()[0]; ++row)
    for (int64_t column = 0; column < matrix.dims()[1]; ++column)
      out.setDouble(column * matrix.dims()[0] + row,
                    matrix.asDouble(row * matrix.dims()[1] + column));
  return out;
}

void addGemm(CaseBuilder &c) {
  int64_t m = someExtent(c), n = someExtent(c), k = someExtent(c);
  bool transA = c.chance(0.4), transB = c.chance(0.5);
  double alpha = c.chance(0.5) ? 1 : 0.75, beta = c.chance(0.5) ? 1 : -1.5;
  Tensor a = c.random(DType::F32, {m, k}), b = c.random(DType::F32, {k, n});
  std::vector<Value *> operands{c.input(transA ? transposed(a) : a),
                                c.weights(transB ? transposed(b) : b)};
  Sums sums = naiveMatMul(a, b);
  Wanted wanted{sums.dims, {}, {}};
  Tensor bias;
  bool hasBias = c.chance(0.7);
  if (hasBias) {
    const Dims shapes[] = {{n}, {1, n}, {m, 1}, {m, n}, {}, {1}};
    bias = c.random(DType::F32, shapes[c.between(0, 5)]);
    operands.push_back(c.weights(bias));
  }
  for (int64_t i = 0; i < m * n; ++i) {
    double extra = 0;
    if (hasBias) {
      const Dims &d = bias.dims();
      int64_t rows = d.size() == 2 ? d[0] : 1, columns = d.empty() ? 1 : d.back();
      extra = beta * bias.asDouble(i / n % rows * columns + i % n % columns);
    }
    auto at = static_cast<size_t>(i);
    wanted.value.push_back(alpha * sums.value[at] + extra);
    // k products and sums, times alpha, plus beta * c.
    double terms = sums.terms[at] + 3;
    wanted.bound.push_back(terms * kUnit / (1 - terms * kUnit) *
                           (std::abs(alpha) * sums.magnitude[at] + std::abs(extra)));
  }
  Op *op = c.builder.createOp(
      OpKind::Gemm, operands,
      {{"alpha", alpha}, {"beta", beta}, {"transA", transA}, {"transB", transB}});
  c.expect(op->result(), std::move(wanted));
}

struct Shapes {
  Dims a, b;
};

// Batch axes broadcast from either side; also plain matrices.
Shapes randomShapes(CaseBuilder &c, int64_t k) {
  int64_t m = someExtent(c), n = someExtent(c);
  Shapes shapes;
  size_t rank = static_cast<size_t>(c.oneOf({0, 0, 1, 2, 2, 3}));
  for (size_t d = 0; d < rank; ++d) {
    int64_t extent = c.between(1, 4);
    int64_t kind = c.between(0, 4);
    shapes.a.push_back(kind == 0 ? 1 : extent);
    shapes.b.push_back(kind == 1 ? 1 : extent);
  }
  // A shorter list of batch axes broadcasts as well.
  if (rank > 0 && c.chance(0.4)) {
    Dims &shorter = c.chance(0.5) ? shapes.a : shapes.b;
    shorter.erase(shorter.begin(), shorter.begin() + c.between(1, static_cast<int64_t>(rank)));
  }
  shapes.a.insert(shapes.a.end(), {m, k});
  shapes.b.insert(shapes.b.end(), {k, n});
  return shapes;
}

void addMatMul(CaseBuilder &c, DType dtype) {
  Shapes shapes = randomShapes(c, someExtent(c));
  Tensor a = c.random(dtype, shapes.a), b = c.random(dtype, shapes.b);
  std::vector<Value *> operands{c.input(a), c.chance(0.5) ? c.constant(b) : c.input(b)};
  c.expect(c.builder.createOp(OpKind::MatMul, operands)->result(),
           wantFloat(naiveMatMul(a, b), {}, dtype));
}

void addIntegerMatMul(CaseBuilder &c) {
  Shapes shapes = randomShapes(c, someExtent(c));
  DType aType = c.chance(0.5) ? DType::I8 : DType::U8;
  DType bType = c.chance(0.7) ? DType::I8 : DType::U8;
  Tensor a = c.random(aType, shapes.a), b = c.random(bType, shapes.b);
  std::vector<Value *> operands{c.input(a), c.weights(b), nullptr, nullptr};
  double aZero = 0;
  std::vector<double> bZero{0};
  if (c.chance(0.7)) {
    Tensor zero = c.random(aType, {});
    aZero = zero.asDouble(0);
    operands[2] = c.constant(zero);
  }
  if (c.chance(0.4)) {
    Tensor zero = c.random(bType, c.chance(0.5) ? Dims{} : Dims{shapes.b.back()});
    bZero = valuesOf(zero);
    operands[3] = c.constant(zero);
  }
  while (!operands.back())
    operands.pop_back();
  c.expect(c.builder.createOp(OpKind::MatMul, operands)->result(),
           wantExact(naiveMatMul(a, b, aZero, bZero), {}));
}

void runMany(int count, const std::string &what, const Grid::Build &build) {
  Grid grid;
  for (int i = 0; i < count; ++i)
    grid.add(what, build);
  grid.run();
}

TEST(GridProduct, Gemm) { runMany(60, "Gemm", addGemm); }

TEST(GridProduct, MatMul) {
  runMany(60, "MatMul", [](CaseBuilder &c) { addMatMul(c, DType::F32); });
}

TEST(GridProduct, MatMulHalfPrecision) {
  runMany(12, "MatMul f16", [](CaseBuilder &c) { addMatMul(c, DType::F16); });
}

TEST(GridProduct, IntegerMatMul) { runMany(40, "MatMul, 8 bits", addIntegerMatMul); }

} // namespace
} // namespace edgecc::test
