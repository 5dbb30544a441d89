// Choosing the integers of a layer's weights such that what the layer computes on data stays close
// to float, which is another thing than each weight staying close to its float value.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <limits>

namespace edgecc {

using Matrix = Eigen::MatrixXf; // column-major
using Vector = Eigen::VectorXf;

// f(z) = min(max(z, low), high), and `slope` times what lies below `low`: identity, Relu, Clip,
// LeakyRelu.
struct PiecewiseLinear {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  float slope = 0;

  float operator()(float z) const {
    float below = z < low ? slope * (z - low) : 0.0f;
    return std::min(std::max(z, low), high) + below;
  }
  float derivative(float z) const { return z < low ? slope : z > high ? 0.0f : 1.0f; }
};

// One group of a layer, f(W x + b) with W = scales * levels element by element; a level is an
// integer minus its zero point.
struct RoundingProblem {
  Matrix weights;   // [rows, cols] in float
  Matrix scales;    // [rows, cols], positive
  Vector low, high; // [rows], least and largest level
  Vector bias;      // [rows]
  Matrix inputs;    // [cols, samples], what the layer reads in the quantised network
  Matrix targets;   // [rows, samples], W x + b in the float network, before f
  PiecewiseLinear activation;
  // So many of the samples, the last ones, come from data that the others do not come from: to
  // choose a method by, since what weights were fitted to flatters the fit.
  int64_t heldOut = 0;

  int64_t rows() const { return weights.rows(); }
  int64_t cols() const { return weights.cols(); }
  int64_t samples() const { return inputs.cols(); }
};

// The levels that a weight may have: the one nearest to `wanted` within [low, high].
using Grid = float (*)(float wanted, float low, float high);
float nearestInteger(float wanted, float low, float high); // ties to even

// The levels nearest to the weights, each by itself.
Matrix roundToNearest(const RoundingProblem &problem, Grid grid = nearestInteger);

// The layer's objective: mean over the samples from `first` on of |f(W x + b) - f(target)|^2.
double reconstructionError(const RoundingProblem &problem, const Matrix &levels, int64_t first = 0);

// The objective without f as a quadratic form in W, up to a constant:
//   E |W x + b - y|^2 = tr(W H W^T) - 2 tr(W C^T) + const,  H = E[x x^T],  C = E[(y - b) x^T].
struct QuadraticForm {
  Matrix h; // [cols, cols]
  Matrix c; // [rows, cols]
};
// Of the first `samples`.
QuadraticForm quadraticForm(const RoundingProblem &problem, int64_t samples);
// `damping` times the mean of H's diagonal pulls W towards the float weights, so that directions
// in which there is no data leave the weights alone.
QuadraticForm damped(QuadraticForm form, const RoundingProblem &problem, double damping);

// The weights, not rounded, that minimise the form (least squares).
Matrix minimizer(const QuadraticForm &form);

// Rounds one column after the other, each row's remaining columns taking over the error that
// rounding made so far. With the Cholesky factor H = R^T R this is Babai's nearest plane
// (Babai 1986); Frantar et al. 2022 (GPTQ) arrive at the same levels from H's inverse. `optimum` is
// the minimizer.
Matrix roundColumns(const RoundingProblem &problem, const QuadraticForm &form,
                    const Matrix &optimum);

// Moves single levels as long as that lowers the form, at most `sweeps` times over all of them.
void descend(const RoundingProblem &problem, const QuadraticForm &form, unsigned sweeps,
             Matrix &levels, Grid grid = nearestInteger);

} // namespace edgecc
