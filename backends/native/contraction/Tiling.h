// The register tile of a contraction: rows x columns of the result that are summed at once.
#pragma once

#include "backends/native/contraction/MicroKernel.h"

namespace edgecc::native {

// Rows of a tile: `y` lines of `x` neighbours.
struct RowTile {
  int64_t y = 1, x = 1;
  int64_t size() const { return y * x; }
};

struct ColumnTile {
  int64_t columns = 0;
  std::vector<TilePart> parts;
  RowTile rows;
  // Whether lanes are at unpackedPosition() of their columns. Then all parts are whole, operands of
  // the epilogue are the same in all rows and arranged likewise, and its results have 8 bits.
  bool unpacked = false;
  int64_t padded() const; // columns including the padding lanes
};

// Where column `column` of `columns`, a multiple of 16, lies after elements of four lines, 8 bits
// each, were interleaved within 128 bits: quarter q of every 16 columns comes before quarter q + 1.
int64_t unpackedPosition(int64_t column, int64_t columns);

// Columns are covered by `fullCount` tiles `full` and then, if tail.columns > 0, one `tail`.
struct Tiling {
  ColumnTile full, tail;
  int64_t fullCount = 0;

  int64_t count() const { return fullCount + (tail.columns > 0 ? 1 : 0); }
  int64_t paddedColumns() const { return fullCount * full.padded() + tail.padded(); }
};

// Whether sums of `depth` steps are so soon complete that tiles are kept small: a core that runs
// far ahead then multiplies for the next ones while it finishes one.
bool isShort(const Product &product, int64_t depth, const NativeTarget &target);

// The tile with the least estimated time for rowsY x rowsX rows, `columns` columns and `depth`
// reduction steps, among those that fit the target's vector registers.
Tiling chooseTiling(const NativeTarget &target, const Product &product, int64_t rowsY,
                    int64_t rowsX, int64_t columns, int64_t depth);

} // namespace edgecc::native
