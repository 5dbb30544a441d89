#include "passes/compress/pruning/Products.h"

#include <cstring>
#include <vector>

namespace edgecc::pruning {

namespace {

constexpr Eigen::Index kRows = 4, kColumns = 32, kDepth = 1024;

using Vector = float __attribute__((vector_size(64)));

// c[4][32] = sum over k of a[k][4] * b[k][32], packed.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void tile(Eigen::Index depth, const float *a, const float *b, float *c) {
  Vector sum[kRows][2] = {};
  for (Eigen::Index k = 0; k < depth; ++k) {
    Vector left, right;
    std::memcpy(&left, b + k * kColumns, sizeof left);
    std::memcpy(&right, b + k * kColumns + 16, sizeof right);
    for (Eigen::Index i = 0; i < kRows; ++i) {
      sum[i][0] += a[k * kRows + i] * left;
      sum[i][1] += a[k * kRows + i] * right;
    }
  }
  std::memcpy(c, sum, sizeof sum);
}

// Element (k, i) lies at data[k * depthStride + i * stride].
struct Factor {
  const float *data;
  Eigen::Index depthStride, stride, size;
};

void pack(const Factor &f, Eigen::Index first, Eigen::Index depth, Eigen::Index from,
          Eigen::Index width, std::vector<float> &out) {
  out.assign(static_cast<size_t>(depth * width), 0.0f);
  Eigen::Index count = std::min(width, f.size - from);
  for (Eigen::Index k = 0; k < depth; ++k)
    for (Eigen::Index i = 0; i < count; ++i)
      out[static_cast<size_t>(k * width + i)] =
          f.data[(first + k) * f.depthStride + (from + i) * f.stride];
}

// Calls add(i, j, value) for the elements of the sum over `depth` places from `first` on; with
// `half`, only for tiles that reach the lower triangle.
template <class Add>
void multiply(const Factor &a, const Factor &b, Eigen::Index first, Eigen::Index depth, bool half,
              Add &&add) {
  std::vector<float> left, right;
  std::vector<std::vector<float>> lefts;
  for (Eigen::Index i = 0; i < a.size; i += kRows) {
    pack(a, first, depth, i, kRows, left);
    lefts.push_back(left);
  }
  float c[kRows * kColumns];
  for (Eigen::Index j = 0; j < b.size; j += kColumns) {
    pack(b, first, depth, j, kColumns, right);
    for (Eigen::Index i = 0; i < a.size; i += kRows) {
      if (half && i + kRows <= j)
        continue;
      tile(depth, lefts[static_cast<size_t>(i / kRows)].data(), right.data(), c);
      for (Eigen::Index r = 0; r < std::min(kRows, a.size - i); ++r)
        for (Eigen::Index s = 0; s < std::min(kColumns, b.size - j); ++s)
          add(i + r, j + s, c[r * kColumns + s]);
    }
  }
}

MatrixD overRows(const BlockF &a, const BlockF &b, bool half) {
  MatrixD sum = MatrixD::Zero(a.cols(), b.cols());
  Factor left{a.data(), a.outerStride(), 1, a.cols()};
  Factor right{b.data(), b.outerStride(), 1, b.cols()};
  for (Eigen::Index at = 0; at < a.rows(); at += kDepth)
    multiply(left, right, at, std::min(kDepth, a.rows() - at), half,
             [&](Eigen::Index i, Eigen::Index j, float value) { sum(i, j) += value; });
  return sum;
}

} // namespace

MatrixD transposedTimes(const BlockF &a, const BlockF &b) { return overRows(a, b, false); }

MatrixD gramOf(const BlockF &a) {
  MatrixD gram = overRows(a, a, true);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return gram;
}

MatrixF timesTransposed(const BlockF &a, const MatrixF &b) {
  MatrixF out(a.rows(), b.rows());
  constexpr Eigen::Index kBlock = 256; // rows of a at once, to bound the packed copy
  Factor right{b.data(), 1, b.cols(), b.rows()};
  for (Eigen::Index at = 0; at < a.rows(); at += kBlock) {
    Factor left{a.data() + at * a.outerStride(), 1, a.outerStride(),
                std::min(kBlock, a.rows() - at)};
    multiply(left, right, 0, a.cols(), false,
             [&](Eigen::Index i, Eigen::Index j, float value) { out(at + i, j) = value; });
  }
  return out;
}

} // namespace edgecc::pruning
