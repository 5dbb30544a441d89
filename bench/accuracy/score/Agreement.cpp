#include "bench/accuracy/score/Scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::bench {

static void addIntegers(const Outputs &reference, const Outputs &actual, size_t output,
                        AgreementScores &worst) {
  int64_t all = 0, equal = 0;
  for (size_t i = 0; i < reference.size(); ++i)
    for (int64_t k = 0; k < reference[i][output].elements(); ++k, ++all)
      equal += reference[i][output].asInt(k) == actual[i][output].asInt(k);
  double share = all ? 100.0 * static_cast<double>(equal) / static_cast<double>(all) : 100;
  worst.equals = std::min(share, worst.equals.value_or(100));
}

static void addFloats(const Outputs &reference, const Outputs &actual, size_t output,
                      AgreementScores &worst) {
  double signal = 0, noise = 0, other = 0, product = 0;
  for (size_t i = 0; i < reference.size(); ++i)
    for (int64_t k = 0; k < reference[i][output].elements(); ++k) {
      double x = reference[i][output].asDouble(k), y = actual[i][output].asDouble(k);
      signal += x * x;
      other += y * y;
      product += x * y;
      noise += (x - y) * (x - y);
    }
  if (noise > 0)
    worst.sqnr = std::min(worst.sqnr, 10 * std::log10(signal / noise));
  if (signal > 0 && other > 0)
    worst.cosine = std::min(worst.cosine, product / std::sqrt(signal * other));
}

static Expected<void> checkExtents(const Outputs &reference, const Outputs &actual) {
  for (size_t i = 0; i < reference.size(); ++i)
    for (size_t output = 0; output < reference[i].size(); ++output)
      if (reference[i][output].dims() != actual[i].at(output).dims())
        return error("the outputs have different extents");
  return {};
}

Expected<AgreementScores> scoreAgreement(const Outputs &reference, const Outputs &actual) {
  AgreementScores worst{std::numeric_limits<double>::infinity(), 1, {}};
  EDGECC_CHECK(checkExtents(reference, actual));
  for (size_t output = 0; !reference.empty() && output < reference[0].size(); ++output)
    (isFloat(reference[0][output].dtype()) ? addFloats : addIntegers)(reference, actual, output,
                                                                      worst);
  return worst;
}

Expected<double> largestError(const Outputs &reference, const Outputs &actual) {
  EDGECC_CHECK(checkExtents(reference, actual));
  double worst = 0;
  for (size_t output = 0; !reference.empty() && output < reference[0].size(); ++output) {
    double peak = 0, error = 0;
    for (size_t i = 0; i < reference.size(); ++i)
      for (int64_t k = 0; k < reference[i][output].elements(); ++k) {
        double expected = reference[i][output].asDouble(k);
        peak = std::max(peak, std::abs(expected));
        error = std::max(error, std::abs(actual[i][output].asDouble(k) - expected));
      }
    worst = std::max(worst, peak > 0 ? error / peak : error);
  }
  return worst;
}

} // namespace edgecc::bench
