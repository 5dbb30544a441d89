// Matrix products for least squares. Every element is summed in one fixed order with separate
// multiplications and additions, so results are the same for every vector width.
#pragma once

#include <Eigen/Dense>

namespace edgecc::pruning {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
// Rows and columns of a MatrixF.
using BlockF = Eigen::Ref<const MatrixF, 0, Eigen::OuterStride<>>;

// How much of its diagonal to add to a k x k matrix of second moments from `rows` observations:
// with few rows, columns look alike that are not. About k / rows squared for many, 1 for none.
inline double shrinkage(double k, double rows) { return (k / (k + rows)) * (k / (k + rows)); }

// a^T b: in f32 over blocks of rows, which are added up in f64.
MatrixD transposedTimes(const BlockF &a, const BlockF &b);
// a^T a.
MatrixD gramOf(const BlockF &a);
// a b^T, in f32.
MatrixF timesTransposed(const BlockF &a, const MatrixF &b);

} // namespace edgecc::pruning
