// Matrix products against naive loops.
#include "tests/unit/native/ConvCases.h"

namespace edgecc::test {
namespace {

class NativeMatMul : public NativeContraction {};

INSTANTIATE_TEST_SUITE_P(Levels, NativeMatMul,
                         testing::Values("baseline", "avx2", "avx2+avx512f+avx512vl+avx512vnni",
                                         "avx512", "avx512vnni"));

struct MatrixCase {
  Dims a, b; // logical, before transA and transB
  bool gemm = false, transA = false, transB = false;
  double alpha = 1, beta = 1;
  Dims c;                                  // of Gemm; empty: none
  std::vector<int> orderA, orderB, orderY; // memory order
  bool constantB = false;
  DType dtype = DType::F32, typeB = DType::F32;
  int64_t aZero = 0, bZero = 0;
};

void addProduct(Harness &h, const MatrixCase &m) {
  auto a = h.argument(m.dtype, m.a, m.orderA);
  auto b = m.constantB ? h.constant(m.typeB, m.b) : h.argument(m.typeB, m.b, m.orderB);
  std::vector<Value *> operands{a.value, b.value};
  Attributes attributes;
  Harness::Operand c{nullptr, {}};
  if (m.gemm) {
    attributes = {{"alpha", m.alpha}, {"beta", m.beta}, {"transA", m.transA}, {"transB", m.transB}};
    if (!m.c.empty()) {
      c = h.argument(m.dtype, m.c);
      operands.push_back(c.value);
    }
  } else if (isInteger(m.dtype) && bitWidth(m.dtype) == 8) {
    operands.push_back(h.constant(m.dtype, {}, {static_cast<double>(m.aZero)}).value);
    operands.push_back(h.constant(m.typeB, {}, {static_cast<double>(m.bZero)}).value);
  }
  Op *op = h.create(m.gemm ? OpKind::Gemm : OpKind::MatMul, operands, attributes);
  const Dims &y = op->result()->dims();
  size_t rank = y.size();
  int64_t depth = m.transA ? m.a[rank - 2] : m.a.back();
  std::vector<double> expected(static_cast<size_t>(numElements(y)));
  // Right-aligned broadcasting of the batch axes.
  auto element = [&](const std::vector<double> &values, const Dims &dims, const Dims &index,
                     int64_t row, int64_t column) {
    Dims at;
    for (size_t i = 0; i < dims.size(); ++i) {
      size_t axis = rank - dims.size() + i;
      at.push_back(i + 2 == dims.size()   ? row
                   : i + 1 == dims.size() ? column
                   : dims[i] == 1         ? 0
                                          : index[axis]);
    }
    return values[static_cast<size_t>(flat(at, dims))];
  };
  Dims index(rank, 0);
  if (!expected.empty())
    do {
      double sum = 0;
      int64_t row = index[rank - 2], column = index[rank - 1];
      for (int64_t k = 0; k < depth; ++k)
        sum += ((m.transA ? element(a.logical, m.a, index, k, row)
                          : element(a.logical, m.a, index, row, k)) -
                static_cast<double>(m.aZero)) *
               ((m.transB ? element(b.logical, m.b, index, column, k)
                          : element(b.logical, m.b, index, k, column)) -
                static_cast<double>(m.bZero));
      sum *= m.alpha;
      if (c.value) {
        Dims at;
        for (size_t i = 0; i < m.c.size(); ++i)
          at.push_back(m.c[i] == 1 ? 0 : index[rank - m.c.size() + i]);
        sum += m.beta * c.logical[static_cast<size_t>(flat(at, m.c))];
      }
      expected[static_cast<size_t>(flat(index, y))] = sum;
    } while (next(index, y));
  h.expect(op, std::move(expected), m.orderY,
           std::string(m.gemm ? "gemm " : "matmul ") + str(m.a) + " * " + str(m.b) +
               (m.transA ? " tA" : "") + (m.transB ? " tB" : "") +
               (m.constantB ? " constant" : "") + (m.orderB.empty() ? "" : " b column-major") +
               " " + std::string(name(m.dtype)));
}

std::vector<int> swapLast(size_t rank) {
  std::vector<int> order;
  for (size_t i = 0; i < rank; ++i)
    order.push_back(static_cast<int>(i));
  std::swap(order[rank - 1], order[rank - 2]);
  return order;
}

MatrixCase randomMatMul(Harness &h) {
  MatrixCase m;
  int64_t rows = h.uniform(0, 3) ? h.uniform(1, 40) : 1, columns = h.uniform(1, 70);
  int64_t depth = h.uniform(1, 40);
  size_t batch = static_cast<size_t>(h.uniform(0, 2));
  for (size_t i = 0; i < batch; ++i) {
    int64_t extent = h.uniform(1, 4);
    m.a.push_back(h.uniform(0, 3) ? extent : 1);
    if (h.uniform(0, 1) || i == 1)
      m.b.push_back(h.uniform(0, 2) ? extent : 1);
  }
  if (m.b.size() == 2 && h.uniform(0, 1))
    m.a.erase(m.a.begin());
  m.a.insert(m.a.end(), {rows, depth});
  m.b.insert(m.b.end(), {depth, columns});
  if (h.uniform(0, 2) == 0)
    m.orderA = swapLast(m.a.size());
  if (h.uniform(0, 2) == 0)
    m.orderB = swapLast(m.b.size());
  if (h.uniform(0, 3) == 0)
    m.orderY = swapLast(std::max(m.a.size(), m.b.size()));
  m.constantB = h.uniform(0, 1);
  return m;
}

TEST_P(NativeMatMul, MatMulMatchesNaiveLoops) {
  Harness h(6);
  for (int i = 0; i < 60; ++i)
    addProduct(h, randomMatMul(h));
  h.runAndCompare(target_);
}

// An empty sum is zero, an empty result needs no code.
TEST_P(NativeMatMul, EmptyProductsAreZero) {
  Harness h(14);
  for (bool constant : {false, true})
    for (Dims extents : {Dims{3, 0, 20}, Dims{3, 4, 0}, Dims{0, 4, 5}}) {
      MatrixCase m;
      m.a = {extents[0], extents[1]};
      m.b = {extents[1], extents[2]};
      m.constantB = constant;
      addProduct(h, m);
    }
  h.runAndCompare(target_);
}

TEST_P(NativeMatMul, MatMulOfOtherTypesMatchesNaiveLoops) {
  Harness h(7);
  for (DType dtype : {DType::F64, DType::I32, DType::I64, DType::U32, DType::F16, DType::BF16})
    for (int i = 0; i < 5; ++i) {
      MatrixCase m = randomMatMul(h);
      m.dtype = m.typeB = dtype;
      if (dtype == DType::BF16 || dtype == DType::F16)
        m.a.back() = m.b[m.b.size() - 2] = 8; // sums that need no rounding
      addProduct(h, m);
    }
  h.runAndCompare(target_);
}

TEST_P(NativeMatMul, IntegerMatMulIsExact) {
  Harness h(8);
  for (int i = 0; i < 40; ++i) {
    MatrixCase m = randomMatMul(h);
    ConvCase narrow;
    makeNarrow(h, narrow);
    m.dtype = narrow.dtype;
    m.typeB = narrow.weightType;
    m.aZero = narrow.xZero;
    m.bZero = narrow.wZero;
    addProduct(h, m);
  }
  h.runAndCompare(target_);
}

TEST_P(NativeMatMul, GemmMatchesNaiveLoops) {
  Harness h(9);
  for (int i = 0; i < 40; ++i) {
    MatrixCase m;
    m.gemm = true;
    m.transA = h.uniform(0, 1);
    m.transB = h.uniform(0, 1);
    int64_t rows = h.uniform(1, 40), columns = h.uniform(1, 40), depth = h.uniform(1, 40);
    m.a = m.transA ? Dims{depth, rows} : Dims{rows, depth};
    m.b = m.transB ? Dims{columns, depth} : Dims{depth, columns};
    m.constantB = h.uniform(0, 1);
    m.alpha = h.uniform(0, 1) ? 1 : 0.5;
    m.beta = h.uniform(0, 1) ? 1 : 2;
    const Dims choices[] = {{}, {columns}, {1, columns}, {rows, 1}, {rows, columns}, {1}};
    m.c = choices[h.uniform(0, 5)];
    addProduct(h, m);
  }
  h.runAndCompare(target_);
}

} // namespace
} // namespace edgecc::test
