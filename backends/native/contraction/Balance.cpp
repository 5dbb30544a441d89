#include "backends/native/contraction/Balance.h"

#include <algorithm>
#include <numeric>

namespace edgecc::native {

double imbalance(std::span<const double> unitCosts, int threads) {
  double total = std::accumulate(unitCosts.begin(), unitCosts.end(), 0.0), largest = 0;
  if (total <= 0)
    return 1;
  auto parts = static_cast<size_t>(threads);
  for (size_t part = 0; part < parts; ++part) {
    size_t begin = unitCosts.size() * part / parts, end = unitCosts.size() * (part + 1) / parts;
    auto range = unitCosts.subspan(begin, end - begin);
    largest = std::max(largest, std::accumulate(range.begin(), range.end(), 0.0));
  }
  return largest * threads / total;
}

} // namespace edgecc::native
