// The results of a line in tiles, such that only those at its ends meet padding.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

// Pixels [first, first + count) of a line, `repeat` times one after the other.
struct PixelTile {
  int64_t first, count, repeat;
};

// Whether all that the results [first, first + count) read lies inside the image.
bool insideX(const Window &x, int64_t first, int64_t count);

// Results of a line of `rowsX` that reach over the border: each has code of its own.
int64_t borderResults(const Window &x, int64_t rowsX);

// Tiles that reach over the border stand alone; runs of others form loops.
std::vector<PixelTile> tilesOf(const Window &x, int64_t rowsX, int64_t tileX);

} // namespace edgecc::native
