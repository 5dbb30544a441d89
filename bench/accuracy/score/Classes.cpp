#include "bench/accuracy/score/Scores.h"

#include "bench/accuracy/Statistics.h"

#include <algorithm>
#include <cmath>

namespace edgecc::bench {

static std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> out(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = tensor.asDouble(static_cast<int64_t>(i));
  return out;
}

static size_t largest(const std::vector<double> &values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

static bool isDistribution(const std::vector<double> &values) {
  double sum = 0;
  for (double value : values) {
    if (value < 0)
      return false;
    sum += value;
  }
  return std::abs(sum - 1) < 1e-3;
}

static void softmax(std::vector<double> &values) {
  double peak = values[largest(values)], sum = 0;
  for (double &value : values)
    sum += value = std::exp(value - peak);
  for (double &value : values)
    value /= sum;
}

// sum p log(p / q); probabilities below kLeast count as that: an 8-bit softmax has zeros.
static double divergence(const std::vector<double> &p, const std::vector<double> &q) {
  constexpr double kLeast = 1e-7;
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i)
    sum += p[i] * std::log(std::max(p[i], kLeast) / std::max(q[i], kLeast));
  return sum;
}

Expected<ClassScores> scoreClasses(const Task &task, const Split::Scored &scored,
                                   const Outputs &reference, const Outputs &actual) {
  ClassScores out;
  std::vector<double> divergences;
  // By the float model: a quantised softmax may miss a sum of 1 by more.
  bool isSoftmax = true;
  for (const auto &one : reference)
    isSoftmax &= isDistribution(valuesOf(one[0]));
  for (size_t i = 0; i < actual.size(); ++i) {
    std::vector<double> p = valuesOf(reference[i][0]), q = valuesOf(actual[i][0]);
    if (p.size() != q.size())
      return error("the outputs have different numbers of classes", task.model);
    size_t best = largest(q);
    if (task.scoring == Scoring::Labels)
      out.right.push_back(best == static_cast<size_t>(scored.label(i) + task.firstClass) ? 100 : 0);
    out.agrees.push_back(best == largest(p) ? 100 : 0);
    if (!isSoftmax) {
      softmax(p);
      softmax(q);
    }
    divergences.push_back(divergence(p, q));
  }
  out.divergence = mean(divergences);
  return out;
}

} // namespace edgecc::bench
