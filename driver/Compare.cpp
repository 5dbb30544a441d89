#include "driver/Compare.h"

#include <algorithm>
#include <cmath>

namespace edgecc::driver {

Comparison compare(const Tensor &actual, const Tensor &expected, double rtol, double atol) {
  Comparison out;
  out.sameType = sameLogicalType(actual.type(), expected.type());
  if (!out.sameType)
    return out;
  double peak = 0, dot = 0, normA = 0, normE = 0;
  for (int64_t i = 0; i < expected.elements(); ++i) {
    double a = actual.asDouble(i), e = expected.asDouble(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) {
      if (std::isfinite(e)) {
        peak = std::max(peak, std::abs(e));
        dot += a * e;
        normA += a * a;
        normE += e * e;
      }
      continue;
    }
    if (!std::isfinite(a) || !std::isfinite(e)) {
      ++out.nonFinite;
      ++out.outside;
      continue;
    }
    double difference = std::abs(a - e);
    peak = std::max(peak, std::abs(e));
    out.maxAbsolute = std::max(out.maxAbsolute, difference);
    if (difference > atol + rtol * std::abs(e))
      ++out.outside;
    dot += a * e;
    normA += a * a;
    normE += e * e;
  }
  out.maxRelativeToPeak = peak > 0 ? out.maxAbsolute / peak : out.maxAbsolute;
  if (normA > 0 && normE > 0)
    out.cosine = dot / std::sqrt(normA * normE);
  else
    out.cosine = normA == normE ? 1 : 0;
  return out;
}

} // namespace edgecc::driver
