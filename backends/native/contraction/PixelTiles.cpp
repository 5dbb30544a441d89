#include "backends/native/contraction/PixelTiles.h"

#include <algorithm>

namespace edgecc::native {

bool insideX(const Window &x, int64_t first, int64_t count) {
  return first * x.step - x.pad >= 0 &&
         (first + count - 1) * x.step + (x.taps - 1) * x.tapStep - x.pad < x.in;
}

int64_t borderResults(const Window &x, int64_t rowsX) {
  // Results whose first read lies before `index`.
  auto before = [&](int64_t index) {
    int64_t first = index + x.pad;
    return first <= 0 ? 0 : std::min(rowsX, (first + x.step - 1) / x.step);
  };
  int64_t left = before(0), firstRight = before(x.in - (x.taps - 1) * x.tapStep);
  return std::min(rowsX, left + rowsX - firstRight);
}

std::vector<PixelTile> tilesOf(const Window &x, int64_t rowsX, int64_t tileX) {
  std::vector<PixelTile> out;
  for (int64_t first = 0; first < rowsX; first += tileX) {
    int64_t count = std::min(tileX, rowsX - first);
    bool inside = insideX(x, first, count);
    if (inside && !out.empty() && out.back().count == count && insideX(x, out.back().first, count))
      ++out.back().repeat;
    else
      out.push_back({first, count, 1});
  }
  return out;
}

} // namespace edgecc::native
