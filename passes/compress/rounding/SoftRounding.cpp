#include "passes/compress/rounding/SoftRounding.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>
#include <vector>

namespace edgecc {

namespace {

using Array = Eigen::ArrayXXf;

// The rectified sigmoid of Louizos et al. 2018, stretched to reach 0 and 1.
constexpr float kZeta = 1.1f, kGamma = -0.1f;

Array rectified(const Array &v) {
  return ((1 + (-v).exp()).inverse() * (kZeta - kGamma) + kGamma).max(0.0f).min(1.0f);
}

// V with h(V) = h, for h in [0, 1].
Array inverseOfRectified(const Array &h) {
  const Array sigmoid = (h - kGamma) / (kZeta - kGamma);
  return (sigmoid / (1 - sigmoid)).log();
}

// The problem with its samples in an order of chance, so that a block of them is a fair draw.
RoundingProblem shuffled(const RoundingProblem &p) {
  std::vector<int> order(static_cast<size_t>(p.samples()));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(1);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random() % i]);
  RoundingProblem out = p;
  for (int64_t i = 0; i < p.samples(); ++i) {
    out.inputs.col(i) = p.inputs.col(order[static_cast<size_t>(i)]);
    out.targets.col(i) = p.targets.col(order[static_cast<size_t>(i)]);
  }
  return out;
}

} // namespace

Matrix objectiveGradient(const RoundingProblem &p, const Matrix &levels, int64_t first,
                         int64_t count) {
  const auto x = p.inputs.middleCols(first, count);
  const auto target = p.targets.middleCols(first, count);
  Matrix d = levels.cwiseProduct(p.scales) * x;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t r = 0; r < p.rows(); ++r) {
      float y = d(r, i) + p.bias(r);
      d(r, i) = (p.activation(y) - p.activation(target(r, i))) * p.activation.derivative(y);
    }
  Matrix gradient = d * x.transpose();
  return gradient.cwiseProduct(p.scales) * (2.0f / static_cast<float>(count));
}

Matrix softRound(const RoundingProblem &original, const Matrix &start,
                 const SoftRoundingOptions &options) {
  const RoundingProblem p = shuffled(original);
  const int64_t rows = p.rows(), cols = p.cols();
  // The last position that can be rounded up is high - 1.
  const Array wanted = start.cwiseQuotient(p.scales).array();
  const Array base = wanted.floor()
                         .max(p.low.array().replicate(1, cols))
                         .min((p.high.array() - 1).replicate(1, cols));
  const Array first = (wanted - base).max(0.0f).min(1.0f);
  Array v = inverseOfRectified(first.max(0.01f).min(0.99f));

  const float power =
      p.inputs.squaredNorm() / static_cast<float>(std::max<int64_t>(1, p.inputs.size()));
  const Eigen::ArrayXf steps = p.scales.array().square().rowwise().mean();
  const Eigen::ArrayXf unit = (steps * power).max(std::numeric_limits<float>::min()).inverse();

  constexpr float kMean = 0.9f, kVariance = 0.999f, kTiny = 1e-8f;
  Array mean = Array::Zero(rows, cols), variance = Array::Zero(rows, cols);
  float meanPower = 1, variancePower = 1;
  const int64_t batch = std::min<int64_t>(options.batch, p.samples());
  int64_t next = 0;
  for (unsigned t = 0; t < options.iterations && batch > 0; ++t) {
    if (next + batch > p.samples())
      next = 0;
    const Array sigmoid = (1 + (-v).exp()).inverse();
    const Array h = (sigmoid * (kZeta - kGamma) + kGamma).max(0.0f).min(1.0f);
    Array gradient = objectiveGradient(p, (base + h).matrix(), next, batch).array();
    next += batch;
    gradient.colwise() *= unit;

    double done = (t + 0.5) / options.iterations;
    if (done >= options.warmStart) {
      double share = (done - options.warmStart) / (1 - options.warmStart);
      auto beta = static_cast<float>(options.betaTo + 0.5 * (options.betaFrom - options.betaTo) *
                                                          (1 + std::cos(share * std::numbers::pi)));
      // d(1 - |2h - 1|^beta) / dh = -2 beta |2h - 1|^(beta - 1) sign(2h - 1)
      const Array centred = 2 * h - 1;
      gradient -= static_cast<float>(options.lambda) * 2 * beta *
                  ((beta - 1) * (centred.abs() + 1e-12f).log()).exp() * centred.sign();
    }
    // dh/dV, 0 where h is clamped.
    gradient *= (h > 0.0f && h < 1.0f)
                    .select(sigmoid * (1 - sigmoid) * (kZeta - kGamma), Array::Zero(rows, cols));

    mean = kMean * mean + (1 - kMean) * gradient;
    variance = kVariance * variance + (1 - kVariance) * gradient.square();
    meanPower *= kMean;
    variancePower *= kVariance;
    v -= static_cast<float>(options.rate) * (mean / (1 - meanPower)) /
         ((variance / (1 - variancePower)).sqrt() + kTiny);
  }
  return (base + (rectified(v) >= 0.5f).cast<float>()).matrix();
}

} // namespace edgecc
