#include "passes/compress/rounding/PowersOfTwo.h"

#include <cmath>
#include <numeric>
#include <vector>

namespace edgecc {

namespace {

constexpr unsigned kFitIterations = 30;

// a / b, 0 where b is: a row without free weights.
Vector ratio(const Vector &a, const Vector &b) {
  return (b.array() > 0.0f).select(a.array() / b.array(), 0.0f).matrix();
}

} // namespace

float nearestPowerOfTwo(float wanted, float low, float high) {
  float magnitude = std::abs(wanted), most = wanted < 0 ? -low : high;
  if (!(magnitude >= 0.5f) || most < 1) // halfway between 0 and 1
    return 0;
  int exponent = 0;
  float fraction = std::frexp(magnitude, &exponent); // in [0.5, 1): 2^(exponent - 1) .. 2^exponent
  float level = std::max(1.0f, std::ldexp(1.0f, fraction < 0.75f ? exponent - 1 : exponent));
  return std::copysign(std::min(level, most), wanted);
}

float powerOfTwoScale(float largest, int top) {
  if (!(largest > 0))
    return 1;
  int exponent = static_cast<int>(std::floor(std::log2(double{largest} * 4 / 3))) - top;
  return std::ldexp(1.0f, std::clamp(exponent, -120, 120));
}

void fitFree(const QuadraticForm &form, const Matrix &free, unsigned iterations, Matrix &weights) {
  const Eigen::RowVectorXf inverse = form.h.diagonal().cwiseInverse().transpose();
  auto precondition = [&](const Matrix &r) {
    return Matrix(r.array().rowwise() * inverse.array());
  };
  auto rowDot = [](const Matrix &a, const Matrix &b) {
    return Vector(a.cwiseProduct(b).rowwise().sum());
  };
  Matrix residual = (form.c - weights * form.h).cwiseProduct(free);
  Matrix z = precondition(residual), direction = z;
  Vector power = rowDot(residual, z);
  for (unsigned i = 0; i < iterations; ++i) {
    const Matrix image = (direction * form.h).cwiseProduct(free);
    const Vector step = ratio(power, rowDot(direction, image));
    weights.array() += direction.array().colwise() * step.array();
    residual.array() -= image.array().colwise() * step.array();
    z = precondition(residual);
    const Vector next = rowDot(residual, z);
    direction = z + (direction.array().colwise() * ratio(next, power).array()).matrix();
    power = next;
  }
}

Matrix partitionAndFix(const RoundingProblem &p, const QuadraticForm &form,
                       std::span<const double> shares) {
  Matrix weights = p.weights, free = Matrix::Ones(p.rows(), p.cols());
  Matrix levels = Matrix::Zero(p.rows(), p.cols());
  std::vector<int64_t> order(static_cast<size_t>(p.cols()));
  int64_t done = 0;
  for (double share : shares) {
    int64_t until = std::llround(share * static_cast<double>(p.cols()));
    for (int64_t r = 0; r < p.rows(); ++r) {
      std::iota(order.begin(), order.end(), 0);
      // Fixed ones first, then by magnitude.
      std::ranges::stable_sort(order, [&](int64_t a, int64_t b) {
        if (free(r, a) != free(r, b))
          return free(r, a) < free(r, b);
        return std::abs(weights(r, a)) > std::abs(weights(r, b));
      });
      for (int64_t i = done; i < until; ++i) {
        int64_t c = order[static_cast<size_t>(i)];
        levels(r, c) = nearestPowerOfTwo(weights(r, c) / p.scales(r, c), p.low(r), p.high(r));
        weights(r, c) = levels(r, c) * p.scales(r, c);
        free(r, c) = 0;
      }
    }
    done = std::max(done, until);
    if (done < p.cols())
      fitFree(form, free, kFitIterations, weights);
  }
  return levels;
}

} // namespace edgecc
