#include "passes/compress/rounding/Reconstruction.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace edgecc {

float nearestInteger(float wanted, float low, float high) {
  return std::clamp(std::nearbyint(wanted), low, high);
}

Matrix roundToNearest(const RoundingProblem &p, Grid grid) {
  Matrix levels(p.rows(), p.cols());
  for (int64_t c = 0; c < p.cols(); ++c)
    for (int64_t r = 0; r < p.rows(); ++r)
      levels(r, c) = grid(p.weights(r, c) / p.scales(r, c), p.low(r), p.high(r));
  return levels;
}

double reconstructionError(const RoundingProblem &p, const Matrix &levels, int64_t from) {
  constexpr int64_t kBlock = 512; // bounds the memory of the product
  const Matrix weights = levels.cwiseProduct(p.scales);
  double sum = 0;
  for (int64_t first = from; first < p.samples(); first += kBlock) {
    int64_t count = std::min(kBlock, p.samples() - first);
    Matrix y = weights * p.inputs.middleCols(first, count);
    y.colwise() += p.bias;
    const auto target = p.targets.middleCols(first, count);
    double block = 0;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t r = 0; r < p.rows(); ++r) {
        double d = p.activation(y(r, i)) - p.activation(target(r, i));
        block += d * d;
      }
    sum += block;
  }
  return p.samples() > from ? sum / static_cast<double>(p.samples() - from) : 0;
}

QuadraticForm quadraticForm(const RoundingProblem &p, int64_t samples) {
  const auto inputs = p.inputs.leftCols(samples);
  QuadraticForm form;
  float share = 1.0f / static_cast<float>(std::max<int64_t>(1, samples));
  form.h = Matrix::Zero(p.cols(), p.cols());
  form.h.selfadjointView<Eigen::Lower>().rankUpdate(inputs, share);
  form.h.triangularView<Eigen::StrictlyUpper>() = form.h.transpose();
  form.c = (p.targets.leftCols(samples).colwise() - p.bias) * inputs.transpose() * share;
  return form;
}

QuadraticForm damped(QuadraticForm form, const RoundingProblem &p, double damping) {
  float mean = form.h.diagonal().mean();
  // A layer that reads zeros only: any positive number makes the form definite.
  float ridge = static_cast<float>(damping) * (mean > 0 ? mean : 1.0f);
  form.h.diagonal().array() += ridge;
  form.c += ridge * p.weights;
  return form;
}

Matrix minimizer(const QuadraticForm &form) {
  Eigen::LLT<Matrix> factor(form.h);
  return factor.solve(form.c.transpose()).transpose();
}

Matrix roundColumns(const RoundingProblem &p, const QuadraticForm &form, const Matrix &optimum) {
  // The columns with the most input power first, while many columns can still make up for them.
  std::vector<int> order(static_cast<size_t>(p.cols()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int a, int b) { return form.h(a, a) > form.h(b, b); });
  Eigen::PermutationMatrix<Eigen::Dynamic> permutation(p.cols());
  // Column order[i] goes to place cols - 1 - i: the factor is worked through from its end.
  for (size_t i = 0; i < order.size(); ++i)
    permutation.indices()(order[i]) = static_cast<int>(order.size() - 1 - i);
  const Matrix permuted = permutation * form.h * permutation.transpose();
  const Matrix upper = Eigen::LLT<Matrix, Eigen::Upper>(permuted).matrixU();

  Matrix levels(p.rows(), p.cols());
  Matrix error = Matrix::Zero(p.rows(), p.cols()); // optimum - rounded, in the order of the factor
  Vector wanted(p.rows());
  for (int64_t j = p.cols(); j-- > 0;) {
    int64_t c = order[static_cast<size_t>(p.cols() - 1 - j)], later = p.cols() - 1 - j;
    wanted = optimum.col(c);
    if (later > 0)
      wanted.noalias() +=
          error.rightCols(later) * (upper.row(j).tail(later).transpose() / upper(j, j));
    for (int64_t r = 0; r < p.rows(); ++r) {
      float level = nearestInteger(wanted(r) / p.scales(r, c), p.low(r), p.high(r));
      levels(r, c) = level;
      error(r, j) = optimum(r, c) - level * p.scales(r, c);
    }
  }
  return levels;
}

void descend(const RoundingProblem &p, const QuadraticForm &form, unsigned sweeps, Matrix &levels,
             Grid grid) {
  // Half the gradient, [cols, rows]: one row's is contiguous.
  Matrix gradient = form.h * levels.cwiseProduct(p.scales).transpose() - form.c.transpose();
  for (int64_t r = 0; r < p.rows(); ++r) {
    auto g = gradient.col(r);
    for (unsigned sweep = 0; sweep < sweeps; ++sweep) {
      bool moved = false;
      for (int64_t c = 0; c < p.cols(); ++c) {
        float s = p.scales(r, c), curvature = form.h(c, c) * s;
        // The form changes by 2 d s g + d^2 s^2 h for a step of d levels.
        float level = grid(levels(r, c) - g(c) / curvature, p.low(r), p.high(r));
        float d = level - levels(r, c);
        if (d == 0 || !(d * (2 * g(c) + d * curvature) < -1e-6f * std::abs(d * g(c))))
          continue;
        levels(r, c) = level;
        g += (d * s) * form.h.col(c);
        moved = true;
      }
      if (!moved)
        break;
    }
  }
}

} // namespace edgecc
